//! The text format.

use prometheus::{Encoder, Registry, TextEncoder};

/// The media type of what [`render`] gives.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All families of `registry` in the text format, those without samples left out.
///
/// # Errors
///
/// If a family is not well formed, which the catalog rules out.
pub fn render(registry: &Registry) -> prometheus::Result<Vec<u8>> {
    let mut page = Vec::with_capacity(64 << 10);
    TextEncoder::new().encode(&registry.gather(), &mut page)?;
    Ok(page)
}
