//! Sealed files outside of the store: a key that goes offline, a backup.

use std::io::{Read as _, Write as _};
use std::path::Path;

use age::x25519;

use super::sealed::create_private;
use super::{Secret, StoreError};

/// Seals `content` for the engineer and for every recipient.
pub(super) fn seal(
    content: &[u8],
    own: &x25519::Recipient,
    recipients: &[x25519::Recipient],
) -> std::io::Result<Vec<u8>> {
    let all = std::iter::once(own).chain(recipients);
    let all = all.map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(all).map_err(std::io::Error::other)?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed)?;
    writer.write_all(content)?;
    writer.finish()?;
    Ok(sealed)
}

/// Writes `content` into a new file that the engineer and the recipients can open.
///
/// `recipients` must be well-formed; others are left out.
pub fn seal_file(
    path: &Path,
    content: &[u8],
    identity: &x25519::Identity,
    recipients: &[String],
) -> Result<(), StoreError> {
    let recipients: Vec<_> = recipients.iter().filter_map(|text| text.parse().ok()).collect();
    let sealed = seal(content, &identity.to_public(), &recipients)?;
    let mut file = create_private(path)?;
    file.write_all(&sealed)?;
    Ok(file.sync_all()?)
}

/// Opens a sealed file.
pub fn open_file(path: &Path, identity: &x25519::Identity) -> Result<Secret<Vec<u8>>, StoreError> {
    let sealed = fs_err::read(path)?;
    let damaged = |reason: String| StoreError::Damaged { path: path.to_owned(), reason };
    let reader = age::Decryptor::new(&sealed[..]).map_err(|error| damaged(error.to_string()))?;
    let mut reader = reader
        .decrypt(std::iter::once(identity as &dyn age::Identity))
        .map_err(|_| damaged("it is not sealed for your identity".to_owned()))?;
    let mut content = Vec::new();
    let read = reader.read_to_end(&mut content);
    let content = Secret::new(content);
    read.map_err(|error| damaged(error.to_string()))?;
    Ok(content)
}

/// The public key of an NKey seed; none of anything else.
pub fn public_key(seed: &str) -> Option<String> {
    nkeys::KeyPair::from_seed(seed).ok().map(|pair| pair.public_key())
}

/// Whether a text is an age recipient.
pub fn is_recipient(text: &str) -> bool {
    text.parse::<x25519::Recipient>().is_ok()
}
