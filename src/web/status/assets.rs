//! Style, script and icon: served at paths that name their content, so that they may be kept for ever.

use std::hash::Hasher as _;
use std::sync::LazyLock;

use siphasher::sip::SipHasher13;

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) struct Asset {
    /// What its path ends with.
    extension: &'static str,
    /// Its media type.
    pub(in crate::web) content_type: &'static str,
    /// What it holds.
    pub(in crate::web) content: &'static str,
}

pub(super) const STYLE: Asset = Asset {
    extension: "css",
    content_type: "text/css; charset=utf-8",
    content: include_str!("assets/status.css"),
};

pub(super) const SCRIPT: Asset = Asset {
    extension: "js",
    content_type: "text/javascript; charset=utf-8",
    content: include_str!("assets/status.js"),
};

pub(super) const ICON: Asset =
    Asset { extension: "svg", content_type: "image/svg+xml", content: include_str!("assets/icon.svg") };

/// A hash of all of them, which changes when one of them does.
pub(super) static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = SipHasher13::new();
    for asset in [STYLE, SCRIPT, ICON] {
        hasher.write(asset.content.as_bytes());
    }
    format!("{:016x}", hasher.finish())
});

impl Asset {
    /// Its route.
    pub(super) fn route(self) -> String {
        format!("/static/{}.{}", *HASH, self.extension)
    }

    /// The asset at `route`.
    pub(in crate::web) fn at(route: &str) -> Option<Self> {
        let (hash, extension) = route.strip_prefix("/static/")?.split_once('.')?;
        let asset = [STYLE, SCRIPT, ICON].into_iter().find(|asset| asset.extension == extension)?;
        (hash == *HASH).then_some(asset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_under_its_own_path_alone() {
        for asset in [STYLE, SCRIPT, ICON] {
            assert_eq!(Asset::at(&asset.route()), Some(asset));
        }
        let other = format!("/static/{:016x}.css", 0);
        for route in ["/static/", "/static/status.css", &other, &format!("/static/{}.txt", *HASH), "/"] {
            assert_eq!(Asset::at(route), None, "{route}");
        }
    }
}
