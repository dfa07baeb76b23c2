//! Files with secrets among them, where nobody but their owner may read any.

use std::path::Path;

use super::failure::Failure;
use crate::artifacts::{BundleFile, Content};
use crate::secrets::{private_folder, write_private};

/// Writes files below `folder`, which is made if there is none.
pub fn write_private_files(folder: &Path, files: &[BundleFile]) -> Result<(), Failure> {
    for file in files {
        let path = folder.join(&file.path);
        if let Some(parent) = path.parent() {
            private_folder(parent)?;
        }
        match &file.content {
            Content::Secret(secret) => write_private(&path, secret.expose().as_bytes())?,
            Content::Public(text) => write_private(&path, text.as_bytes())?,
        }
    }
    Ok(())
}
