//! Headers that every answer gets. Their names are few: the toolkit's.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// A header of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraHeader {
    name: HeaderName,
    value: HeaderValue,
}

/// Why a header is none that can be set.
#[derive(Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// Its name is not one of those.
    Name,
    /// Its value is not one of these.
    Value(&'static [&'static str]),
    /// Its value holds what no header can.
    Characters,
}

/// The names, with the values that each may have; any if there are none.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

impl ExtraHeader {
    /// All names that there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        HEADERS.iter().map(|(name, _)| *name)
    }

    /// A header; none if its value is empty.
    ///
    /// # Errors
    ///
    /// If the name or the value is not allowed.
    pub fn new(name: &str, value: &str) -> Result<Option<Self>, HeaderError> {
        let (name, values) = HEADERS.iter().find(|(known, _)| *known == name).ok_or(HeaderError::Name)?;
        if !values.is_empty() && !values.contains(&value) {
            return Err(HeaderError::Value(values));
        }
        if value.is_empty() {
            return Ok(None);
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name)?;
        let value = HeaderValue::from_str(value).map_err(|_| HeaderError::Characters)?;
        Ok(Some(Self { name, value }))
    }

    /// Puts it in the place of what was there.
    pub(super) fn put(&self, headers: &mut HeaderMap) {
        headers.insert(self.name.clone(), self.value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_headers_can_be_set_and_some_to_few_values() {
        let new = ExtraHeader::new;
        assert_eq!(new("Server", "x"), Err(HeaderError::Name));
        assert_eq!(new("x-frame-options", "deny"), Err(HeaderError::Name));
        assert_eq!(new("X-Frame-Options", "DENY"), Err(HeaderError::Value(&["deny", "sameorigin"])));
        assert_eq!(new("X-Frame-Options", ""), Err(HeaderError::Value(&["deny", "sameorigin"])));
        assert_eq!(new("X-Content-Type-Options", "sniff"), Err(HeaderError::Value(&["nosniff"])));
        assert_eq!(new("Content-Security-Policy", "a\nb"), Err(HeaderError::Characters));
        assert_eq!(new("Content-Security-Policy", ""), Ok(None));
        for name in ExtraHeader::names() {
            let value =
                HEADERS.iter().find(|(known, _)| *known == name).unwrap().1.first().unwrap_or(&"any; value");
            let mut headers = HeaderMap::new();
            headers
                .insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("before"));
            new(name, value).unwrap().unwrap().put(&mut headers);
            assert_eq!(headers.get_all(name).iter().collect::<Vec<_>>(), [value]);
        }
    }
}
