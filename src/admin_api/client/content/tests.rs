use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use reqwest::header::HeaderValue;

use super::*;

const MOST: usize = 1 << 20;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn read<'p>(
    encoding: Encoding,
    most: usize,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Result<Vec<u8>, Unfit> {
    let mut content = Content::new(encoding, most);
    for piece in pieces {
        let outcome = content.push(piece);
        assert!(content.bytes.capacity() <= most + 1, "room for {} bytes", content.bytes.capacity());
        outcome?;
    }
    content.finish()
}

fn inflated(bytes: &[u8]) -> Result<Vec<u8>, Unfit> {
    read(Encoding::Gzip, MOST, [bytes])
}

#[test]
fn only_one_gzip_is_taken_off_and_nothing_else_is_taken_for_it() {
    for (values, expected) in [
        (vec![], Encoding::Identity),
        (vec![""], Encoding::Identity),
        (vec!["identity"], Encoding::Identity),
        (vec![" Identity ", ""], Encoding::Identity),
        (vec!["gzip"], Encoding::Gzip),
        (vec![" GZip\t"], Encoding::Gzip),
        (vec!["x-gzip"], Encoding::Gzip),
        (vec!["identity", "gzip", ""], Encoding::Gzip),
        (vec!["gzip", "gzip"], Encoding::Other),
        (vec!["gzip, gzip"], Encoding::Other),
        (vec!["gzip,"], Encoding::Other),
        (vec!["gzip;q=1"], Encoding::Other),
        (vec!["deflate"], Encoding::Other),
        (vec!["br"], Encoding::Other),
        (vec!["zstd", "gzip"], Encoding::Other),
        (vec!["\u{ff}"], Encoding::Other),
    ] {
        let mut headers = HeaderMap::new();
        for value in &values {
            headers.append(CONTENT_ENCODING, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        assert_eq!(Encoding::of(&headers), expected, "{values:?}");
    }
}

#[test]
fn what_is_larger_than_it_may_be_is_given_up_and_a_byte_less_is_read() {
    let content = vec![b'x'; 300_000];
    let zipped = gzip(&content);
    for (most, expected) in [
        (300_001, Ok(content.clone())),
        (300_000, Ok(content.clone())),
        (299_999, Err(Unfit::TooLarge)),
        (1_000, Err(Unfit::TooLarge)),
    ] {
        assert_eq!(read(Encoding::Gzip, most, [&zipped[..]]), expected, "{most}");
        assert_eq!(read(Encoding::Gzip, most, zipped.chunks(7)), expected, "{most}");
        assert_eq!(read(Encoding::Identity, most, content.chunks(999)), expected, "{most}");
    }
    assert_eq!(read(Encoding::Gzip, zipped.len() - 1, [&zipped[..]]), Err(Unfit::TooLarge));
}

#[test]
fn what_says_nothing_for_ever_is_given_up() {
    let nothing = gzip(b"");
    assert_eq!(inflated(&nothing.repeat(MOST_MEMBERS)), Ok(vec![]));
    assert_eq!(inflated(&nothing.repeat(MOST_MEMBERS + 1)), Err(Unfit::Corrupt));
    // A name in the header of a member that goes on and on, and blocks that are empty.
    let name = [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3][..], &[b'a'; MOST]].concat();
    let blocks = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0, 0, 0, 0xff, 0xff].repeat(MOST)].concat();
    for endless in [name, blocks] {
        assert_eq!(read(Encoding::Gzip, MOST, endless.chunks(4096)), Err(Unfit::TooLarge));
    }
}

#[test]
fn what_is_no_gzip_or_goes_on_with_something_else_is_corrupt() {
    let good = gzip(b"content");
    let with = |place: usize, byte: u8| {
        let mut bad = good.clone();
        bad[place] = byte;
        bad
    };
    let (checksum, length) = (good.len() - 8, good.len() - 4);
    for (name, bytes) in [
        ("no gzip", b"this is no gzip".to_vec()),
        ("zlib", vec![0x78, 0x9c, 3, 0, 0, 0, 0, 1]),
        ("a method that is none", with(2, 7)),
        ("flags that are none", with(3, 0xe0)),
        ("a block that is none", with(10, 7)),
        ("a wrong checksum", with(checksum, !good[checksum])),
        ("a wrong length", with(length, !good[length])),
        ("blanks behind it", [&good[..], b"\n\n"].concat()),
        ("zeros behind it", [&good[..], &[0; 512]].concat()),
        ("half a magic number behind it", [&good[..], &[0x1f, 0]].concat()),
    ] {
        assert_eq!(inflated(&bytes), Err(Unfit::Corrupt), "{name}");
    }
}

#[test]
fn what_breaks_off_anywhere_is_no_content() {
    let (one, two) = (gzip(b"one "), gzip(b"two"));
    let both = [&one[..], &two].concat();
    for end in (0..both.len()).filter(|end| *end != one.len()) {
        assert_eq!(inflated(&both[..end]), Err(Unfit::BrokenOff), "{end}");
    }
    assert_eq!(inflated(&both).as_deref(), Ok(&b"one two"[..]));
    assert_eq!(read(Encoding::Gzip, MOST, []), Err(Unfit::BrokenOff));
    assert_eq!(read(Encoding::Identity, MOST, []), Ok(vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn members_in_pieces_of_any_size_say_what_they_say_as_a_whole(
        members in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..2_000),
                (any::<u8>(), 0usize..200_000).prop_map(|(byte, times)| vec![byte; times]),
            ],
            1..4,
        ),
        size in 1usize..70_000,
    ) {
        let zipped: Vec<u8> = members.iter().flat_map(|member| gzip(member)).collect();
        prop_assert_eq!(read(Encoding::Gzip, MOST, zipped.chunks(size)), Ok(members.concat()));
    }

    #[test]
    fn a_byte_that_is_another_one_makes_no_other_content(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let content = b"{\"object\":\"list\",\"data\":[],\"has_more\":false}".repeat(3);
        let mut zipped = gzip(&content);
        *place.get_mut(&mut zipped) = byte;
        let mut expected = Vec::new();
        let is_read = MultiGzDecoder::new(&zipped[..]).read_to_end(&mut expected).is_ok();
        match inflated(&zipped) {
            Ok(read) => prop_assert!(is_read && read == expected && read == content),
            Err(unfit) => prop_assert!(!is_read, "{unfit:?}"),
        }
    }
}
