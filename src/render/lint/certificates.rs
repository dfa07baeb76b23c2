//! Lints about the certificates that a configuration names. The server loads them, and looks at little more.

use super::text::{ConfigText, Setting, Value};
use super::{Finding, Surroundings};
use crate::pki::Certificate;

/// What a TLS block is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It answers.
    Listener,
    /// It answers its peers and calls them, and each side checks the other.
    Peers,
    /// It only calls.
    Remote,
}

/// A block that names certificates.
struct Block<'a> {
    path: &'a str,
    line: usize,
    role: Role,
}

/// The blocks `tls` of a configuration.
fn blocks(config: &ConfigText) -> Vec<Block<'_>> {
    let named = config.settings.iter().filter(|setting| {
        let last = setting.path.rsplit('.').next().unwrap_or_default();
        setting.value == Value::Block && last.eq_ignore_ascii_case("tls")
    });
    named
        .map(|setting| {
            let path = setting.path.to_ascii_lowercase();
            let role = if path.starts_with("cluster.") || path.starts_with("gateway.") {
                Role::Peers
            } else if path.contains(".remotes[") || path.starts_with("resolver") {
                Role::Remote
            } else {
                Role::Listener
            };
            Block { path: &setting.path, line: setting.line, role }
        })
        .collect()
}

impl ConfigText {
    /// The certificate files that it names.
    pub fn certificate_files(&self) -> Vec<&str> {
        let mut files: Vec<&str> = blocks(self)
            .iter()
            .flat_map(|block| files(self, block))
            .map(|(_, file, _)| file)
            .collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}

/// The files of a block: where each is set, its name, and whether it holds authorities.
fn files<'a>(config: &'a ConfigText, block: &Block<'_>) -> Vec<(&'a Setting, &'a str, bool)> {
    let inside = |setting: &&Setting| setting.path.starts_with(&format!("{}.", block.path));
    let settings = config.settings.iter().filter(inside);
    settings
        .filter_map(|setting| match (setting.path.rsplit('.').next()?, &setting.value) {
            ("cert_file", Value::Text(file)) => Some((setting, file.as_str(), false)),
            ("ca_file", Value::Text(file)) => Some((setting, file.as_str(), true)),
            _ => None,
        })
        .collect()
}

pub fn check(config: &ConfigText, around: &Surroundings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for block in blocks(config) {
        findings.extend(verify_without_authority(config, &block));
        for (setting, file, authority) in files(config, &block) {
            match read(around, file) {
                Ok(certificates) => {
                    findings.extend(expired(setting, file, &certificates, around));
                    if let (false, Some(own)) = (authority, certificates.first()) {
                        findings.extend(usage(setting, file, &block, own));
                    }
                }
                Err(reason) => findings.push(Finding::error(
                    "certificate-unreadable",
                    setting.line,
                    format!("{file}: {reason}"),
                    "put a certificate there that natsops and the server can read",
                )),
            }
        }
    }
    findings
}

fn read(around: &Surroundings, file: &str) -> Result<Vec<Certificate>, String> {
    let text = around.certificates.get(file).ok_or_else(|| "it is not there".to_owned())?;
    let text = text.as_ref().map_err(Clone::clone)?;
    Certificate::read_all(text).map_err(|error| error.to_string())
}

fn expired(
    setting: &Setting,
    file: &str,
    certificates: &[Certificate],
    around: &Surroundings,
) -> Option<Finding> {
    let over = certificates.iter().find(|certificate| certificate.not_after <= around.now)?;
    let message =
        format!("{file}: the certificate of `{}` ended at {}", over.subject, over.not_after);
    let help = "issue it anew: the server starts with it, and every peer refuses it";
    Some(Finding::error("certificate-expired", setting.line, message, help))
}

fn usage(setting: &Setting, file: &str, block: &Block<'_>, own: &Certificate) -> Option<Finding> {
    let missing = match block.role {
        Role::Listener | Role::Peers if !own.serves => "serverAuth",
        Role::Peers | Role::Remote if !own.calls => "clientAuth",
        _ => return None,
    };
    let message =
        format!("{file}: `{}` needs a certificate for {missing}, and this one is not", block.path);
    let help = match block.role {
        Role::Peers => {
            "nodes serve each other and call each other: issue it for serverAuth and clientAuth"
        }
        Role::Listener => "issue it for serverAuth",
        Role::Remote => "issue it for clientAuth",
    };
    Some(Finding::error("certificate-usage", setting.line, message, help))
}

/// Peers always verify each other; listeners when they are told to.
fn verify_without_authority(config: &ConfigText, block: &Block<'_>) -> Option<Finding> {
    let key = |name: &str| config.get(&format!("{}.{name}", block.path));
    let told = ["verify", "verify_and_map", "verify_cert_and_check_known_urls"]
        .into_iter()
        .filter_map(key)
        .find(|setting| setting.value == Value::Bool(true));
    let always = block.role == Role::Peers && key("cert_file").is_some();
    if key("ca_file").is_some() || (told.is_none() && !always) {
        return None;
    }
    let line = told.map_or(block.line, |setting| setting.line);
    let message = format!("`{}` verifies certificates and names no authority", block.path);
    let help = "add ca_file: without it the system's authorities count, so strangers come in and your own do not";
    Some(Finding::error("verify-without-authority", line, message, help))
}
