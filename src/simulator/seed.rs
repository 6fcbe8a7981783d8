//! Numbers and ids that follow from the seed.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Digits that hold any `u64` in base 62.
const DIGITS: usize = 11;
const HALF: usize = DIGITS + 1;

/// Scatters `value` over all 64 bits (the finalizer of splitmix64); near inputs give unrelated outputs.
pub(super) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A number for one purpose (`salt`) and one `index` of the organization of this seed.
pub(super) fn draw(seed: u64, salt: u64, index: u32) -> u64 {
    mix(mix(seed ^ mix(salt)) ^ u64::from(index))
}

/// Whether `index` is the one chosen of its block of `size` consecutive indexes.
///
/// Exactly one in each block is, so that rare traits keep their share in small organizations too.
pub(super) fn chosen(seed: u64, salt: u64, index: u32, size: u32) -> bool {
    u64::from(index % size) == draw(seed, salt, index / size) % u64::from(size)
}

/// An id of 24 letters and digits behind a prefix of five bytes.
///
/// It carries its serial number, masked, so that a cursor leads to its user without an index of all ids.
#[derive(Clone, Copy)]
pub(super) struct Id([u8; 5 + 2 * HALF]);

impl Id {
    pub(super) fn user(seed: u64, serial: u32) -> Self {
        Self::new(*b"user-", draw(seed, 0x75, serial), serial)
    }

    pub(super) fn project(seed: u64, serial: u32) -> Self {
        Self::new(*b"proj_", draw(seed, 0x70, serial), serial)
    }

    fn new(prefix: [u8; 5], tag: u64, serial: u32) -> Self {
        let mut bytes = [0; 5 + 2 * HALF];
        let (head, digits) = bytes.split_at_mut(5);
        head.copy_from_slice(&prefix);
        let (first, second) = digits.split_at_mut(HALF);
        write_half(first, tag);
        write_half(second, mix(tag) ^ u64::from(serial));
        Self(bytes)
    }

    /// The serial number of the user with this id, if the organization of this seed ever had or can have one.
    pub(super) fn user_serial(seed: u64, id: &str) -> Option<u32> {
        let digits = id.as_bytes().strip_prefix(b"user-")?;
        if digits.len() != 2 * HALF {
            return None;
        }
        let (first, second) = digits.split_at(HALF);
        let serial = u32::try_from(read_half(second)? ^ mix(read_half(first)?)).ok()?;
        (Self::user(seed, serial).as_bytes() == id.as_bytes()).then_some(serial)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an id is made of ASCII letters and digits")
    }
}

fn digit(value: u64) -> u8 {
    let index = usize::try_from(value % 62).expect("below 62");
    ALPHABET[index]
}

/// Lowest digit first: the highest one cannot take all values and would look the same in every id.
fn write_half(out: &mut [u8], value: u64) {
    let mut rest = value;
    for place in &mut out[..DIGITS] {
        *place = digit(rest);
        rest /= 62;
    }
    out[DIGITS] = digit(mix(value));
}

fn read_half(digits: &[u8]) -> Option<u64> {
    digits[..DIGITS].iter().rev().try_fold(0_u64, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        value.checked_mul(62)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_back_to_its_serial_number() {
        for seed in [0, 1, u64::MAX] {
            for serial in [0, 1, 2, 249, 1_000_000, u32::MAX] {
                let id = Id::user(seed, serial);
                assert_eq!(id.as_str().len(), 29);
                assert_eq!(Id::user_serial(seed, id.as_str()), Some(serial));
                assert_eq!(Id::user_serial(seed ^ 7, id.as_str()), None);
            }
        }
    }

    #[test]
    fn an_id_with_one_wrong_character_belongs_to_nobody() {
        let id = Id::user(1, 42).as_str().to_owned();
        for place in 0..id.len() {
            for wrong in ["0", "z", "-", "é"] {
                let mut broken = id.clone();
                broken.replace_range(place..=place, wrong);
                if broken != id {
                    assert_eq!(Id::user_serial(1, &broken), None, "{broken}");
                }
            }
        }
        for odd in ["", "user-", "user_", &id[..28], &format!("{id}0")] {
            assert_eq!(Id::user_serial(1, odd), None, "{odd}");
        }
    }

    #[test]
    fn one_of_each_block_is_chosen() {
        for block in 0..100 {
            let count = (block * 50..(block + 1) * 50).filter(|index| chosen(3, 9, *index, 50)).count();
            assert_eq!(count, 1);
        }
    }
}
