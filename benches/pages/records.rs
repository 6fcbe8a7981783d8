//! Pages of the full shape: every field of the reference with a value, names and pictures included.

use std::fmt::Write;

/// Users of one page.
pub(crate) const USERS: usize = 100;

/// Page `number` of a list, whose users are in so many projects each, one after the other: `[3]`, or `[0, 1, 3]`.
pub(crate) fn page(number: usize, projects: &[usize]) -> String {
    let users: Vec<String> = (number * USERS..(number + 1) * USERS)
        .map(|serial| user(serial, projects[serial % projects.len()]))
        .collect();
    format!(
        r#"{{"object":"list","data":[{}],"first_id":"{}","last_id":"{}","has_more":true}}"#,
        users.join(","),
        id(number * USERS),
        id((number + 1) * USERS - 1),
    )
}

fn id(serial: usize) -> String {
    // Ids of the API look random.
    format!(
        "user-{:024X}",
        (serial as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 32
    )
}

fn user(serial: usize, projects: usize) -> String {
    let id = id(serial);
    let (name, email) = (format!("Amélie Nowak {serial}"), format!("amelie.nowak{serial}@example.com"));
    let role = if serial.is_multiple_of(50) { "owner" } else { "reader" };
    let persona = ["software_engineer", "product_manager", "data_scientist"][serial % 3];
    let level = ["beginner", "intermediate", "advanced"][serial / 3 % 3];
    let (banned, banned_at) = if serial % 200 == 7 { ("true", "1790000000") } else { ("false", "null") };
    let (added_at, used_at) = (1_700_000_000 + serial % 90_000_000, 1_760_000_000 + serial % 30_000_000);
    let mut list = String::new();
    for place in 0..projects {
        let comma = if place > 0 { "," } else { "" };
        let project = (serial + place * 7) % 50;
        write!(
            list,
            r#"{comma}{{"id":"proj_{project:024}","name":"Document Search {project}","role":"member"}}"#
        )
        .expect("a string takes it");
    }
    format!(
        concat!(
            r#"{{"object":"organization.user","id":"{id}","name":"{name}","email":"{email}","role":"{role}","#,
            r#""added_at":{added_at},"is_default":false,"created":1690000000,"user":{{"object":"user","id":"{id}","#,
            r#""email":"{email}","name":"{name}","picture":"https://cdn.example.com/pictures/{serial}.png","#,
            r#""enabled":true,"banned":{banned},"banned_at":{banned_at}}},"is_service_account":false,"#,
            r#""is_scale_tier_authorized_purchaser":false,"is_scim_managed":true,"api_key_last_used_at":{used_at},"#,
            r#""technical_level":"{level}","developer_persona":"{persona}","#,
            r#""projects":{{"object":"list","data":[{list}]}}}}"#,
        ),
        id = id,
        name = name,
        email = email,
        role = role,
        added_at = added_at,
        serial = serial,
        banned = banned,
        banned_at = banned_at,
        used_at = used_at,
        level = level,
        persona = persona,
        list = list,
    )
}
