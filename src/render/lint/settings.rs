//! Lints about settings that contradict each other, or what they stand in.

use super::text::{ConfigText, Setting, Value};
use super::{Finding, Surroundings};
use crate::model::ByteSize;

pub fn check(config: &ConfigText, around: &Surroundings) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        config.repeated.iter().map(|(path, first, again)| repeated(path, *first, *again)).collect();
    findings.extend(config.included.iter().map(|(file, line)| included(file, *line)));
    findings.extend(lame_duck(config));
    findings.extend(payload(config));
    findings.extend(operator(config));
    findings.extend(ports(config));
    if let Some(jetstream) = jetstream(config) {
        findings.extend(names(config));
        findings.extend(unique_tag(config));
        findings.extend(cipher(config));
        findings.extend(store(config, around, jetstream));
    }
    findings
}

fn repeated(path: &str, first: usize, again: usize) -> Finding {
    let message = format!("`{path}` is given again; line {first} has no effect");
    Finding::error("repeated-setting", again, message, "keep the one that is meant")
}

fn included(file: &str, line: usize) -> Finding {
    let message = format!("{file} is included, and was not looked at");
    Finding::warning(
        "include-unread",
        line,
        message,
        "put its settings here, or look at it yourself",
    )
}

/// Go's durations, in milliseconds; a bare number is seconds.
fn duration(setting: &Setting) -> Option<i64> {
    let text = match &setting.value {
        Value::Number(seconds) => return seconds.checked_mul(1000),
        Value::Text(text) => text,
        _ => return None,
    };
    let mut rest = text.as_str();
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let letters =
            rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len() - digits);
        let scale = match &rest[digits..digits + letters] {
            "ms" => 1.0,
            "s" => 1000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            _ => return None,
        };
        total += rest[..digits].parse::<f64>().ok()? * scale;
        rest = &rest[digits + letters..];
    }
    Some(total as i64)
}

fn lame_duck(config: &ConfigText) -> Option<Finding> {
    let (duration_path, grace_path) = ("lame_duck_duration", "lame_duck_grace_period");
    let (long, grace) = (config.get(duration_path), config.get(grace_path));
    let line = grace.or(long)?.line;
    // The server's defaults.
    let long = long.map_or(Some(120_000), duration)?;
    let grace = grace.map_or(Some(10_000), duration)?;
    if grace < long {
        return None;
    }
    let message =
        format!("{grace_path} of {grace} ms leaves nothing of {duration_path}, {long} ms");
    let help = "make the grace shorter than the duration: the server exits at its start";
    Some(Finding::error("grace-beyond-lame-duck", line, message, help))
}

fn payload(config: &ConfigText) -> Option<Finding> {
    let (payload, pending) = (config.get("max_payload"), config.get("max_pending"));
    let line = payload.or(pending)?.line;
    let number = |setting: Option<&Setting>, default| match setting.map(|setting| &setting.value) {
        None => Some(default),
        Some(Value::Number(number)) => Some(*number),
        Some(_) => None,
    };
    let (payload, pending) = (number(payload, 1 << 20)?, number(pending, 64 << 20)?);
    if payload <= pending {
        return None;
    }
    let message = format!("max_payload of {payload} is more than max_pending, {pending}");
    let help = "raise max_pending or lower max_payload: the server exits at its start";
    Some(Finding::error("payload-beyond-pending", line, message, help))
}

fn operator(config: &ConfigText) -> Vec<Finding> {
    let Some(operator) =
        config.any(&["operator", "operators", "root", "roots", "root_operators", "root_operator"])
    else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if config.any(&["resolver", "account_resolver", "accounts_resolver"]).is_none() {
        findings.push(Finding::error(
            "operator-without-resolver",
            operator.line,
            "there is an operator, and no resolver that holds its accounts".to_owned(),
            "add a resolver: the server exits at its start",
        ));
    }
    if let Some(accounts) = config.any(&["accounts", "users", "authorization.users"]) {
        findings.push(Finding::error(
            "operator-with-accounts",
            accounts.line,
            format!("`{}` stands beside an operator, whose accounts come as tokens", accounts.path),
            "take one of them out: the server exits at its start",
        ));
    }
    findings
}

/// A port that somebody listens on.
struct Listener<'a> {
    setting: &'a Setting,
    host: String,
    port: i64,
}

/// The ways to say on which port, by block.
const PORTS: [&str; 12] = [
    "listen",
    "port",
    "http",
    "http_port",
    "monitor_port",
    "https",
    "https_port",
    "cluster",
    "leafnodes",
    "gateway",
    "websocket",
    "mqtt",
];

fn listeners(config: &ConfigText) -> Vec<Listener<'_>> {
    let all = PORTS.iter().flat_map(|name| {
        let own = config.get(name).filter(|setting| setting.value != Value::Block);
        let inner = ["listen", "port"].map(|key| config.get(&format!("{name}.{key}")));
        std::iter::once(own).chain(inner).flatten()
    });
    all.filter_map(|setting| {
        let (host, port) = match &setting.value {
            Value::Number(port) => ("", *port),
            Value::Text(text) => {
                let (host, port) = text.rsplit_once(':')?;
                (host, port.parse().ok()?)
            }
            _ => return None,
        };
        // A host of its own may stand beside a bare port.
        let beside =
            setting.path.rsplit_once('.').map_or("host".to_owned(), |(b, _)| format!("{b}.host"));
        let host = if host.is_empty() { config.text(&beside).unwrap_or_default() } else { host };
        (port > 0).then(|| Listener { setting, host: host.to_owned(), port })
    })
    .collect()
}

fn ports(config: &ConfigText) -> Vec<Finding> {
    let everywhere = |host: &str| matches!(host, "" | "0.0.0.0" | "::" | "[::]");
    let mut listeners = listeners(config);
    listeners.sort_by_key(|listener| listener.setting.line);
    let mut findings = Vec::new();
    for (index, listener) in listeners.iter().enumerate() {
        let other = listeners[..index].iter().find(|other| {
            let same = other.host == listener.host
                || everywhere(&other.host)
                || everywhere(&listener.host);
            other.port == listener.port && same
        });
        if let Some(other) = other {
            let (path, port) = (&listener.setting.path, listener.port);
            findings.push(Finding::error(
                "port-shared",
                listener.setting.line,
                format!("port {port} of `{path}` is also that of `{}`", other.setting.path),
                "give each listener a port of its own: the server exits at its start",
            ));
        }
    }
    findings
}

/// The setting that turns JetStream on, if one does.
fn jetstream(config: &ConfigText) -> Option<&Setting> {
    let setting = config.get("jetstream")?;
    let off = |value: &Value| match value {
        Value::Bool(on) => !on,
        Value::Text(word) => word.starts_with("disable"),
        _ => false,
    };
    let enabled = config.any(&["jetstream.enabled", "jetstream.enable"]);
    (!off(&setting.value) && !enabled.is_some_and(|enabled| off(&enabled.value))).then_some(setting)
}

fn names(config: &ConfigText) -> Vec<Finding> {
    let Some(cluster) = config.get("cluster") else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (id, path) in
        [("server-without-name", "server_name"), ("cluster-without-name", "cluster.name")]
    {
        if config.get(path).is_none() {
            findings.push(Finding::error(
                id,
                cluster.line,
                format!("JetStream in a cluster needs `{path}`"),
                "add it: the server exits at its start",
            ));
        }
    }
    findings
}

fn unique_tag(config: &ConfigText) -> Option<Finding> {
    let tag = config.get("jetstream.unique_tag")?;
    let Value::Text(prefix) = &tag.value else {
        return None;
    };
    let one = config.text("server_tags").into_iter();
    let several = config.items("server_tags").filter_map(|item| match &item.value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    });
    if one.chain(several).any(|own| own.starts_with(prefix.as_str())) {
        return None;
    }
    let message = format!("no tag in `server_tags` starts with `{prefix}`");
    let help = "add one that says where the server stands: without it no replicated stream may be placed here";
    Some(Finding::error("unique-tag-unmatched", tag.line, message, help))
}

fn cipher(config: &ConfigText) -> Option<Finding> {
    let cipher = config.get("jetstream.cipher")?;
    let key = config.any(&["jetstream.key", "jetstream.ek", "jetstream.encryption_key"]);
    if key.is_some() {
        return None;
    }
    let message = "a cipher is chosen and no key is given: nothing is encrypted".to_owned();
    let help = "add the key, or take the cipher out if the volume itself is encrypted";
    Some(Finding::error("cipher-without-key", cipher.line, message, help))
}

fn store(config: &ConfigText, around: &Surroundings, jetstream: &Setting) -> Vec<Finding> {
    let mut findings = Vec::new();
    let folder = config.store();
    match (folder, &around.store_problem) {
        (None, _) => findings.push(Finding::warning(
            "store-in-tmp",
            jetstream.line,
            "JetStream has no store_dir, so it stores under /tmp".to_owned(),
            "name a folder that outlives a restart of the machine",
        )),
        (Some(setting), Some(problem)) => findings.push(Finding::error(
            "store-unwritable",
            setting.line,
            format!("the server can't store there: {problem}"),
            "make the folder writable for it: the server exits at its start",
        )),
        _ => {}
    }
    findings.extend(beyond_disk(config, around));
    findings
}

fn beyond_disk(config: &ConfigText, around: &Surroundings) -> Option<Finding> {
    let setting = config.any(&["jetstream.max_file_store", "jetstream.max_file"])?;
    let disk = around.disk?;
    let Value::Number(bytes) = setting.value else {
        return None;
    };
    let asked = ByteSize::new(u64::try_from(bytes).ok()?);
    if asked <= disk {
        return None;
    }
    let message = format!(
        "`{}` is {}, and the disk under the store has {}",
        setting.path,
        asked.rounded(),
        disk.rounded()
    );
    let help = "use at most 85 to 90 % of the disk: what is stored beyond it turns JetStream off";
    Some(Finding::warning("storage-beyond-disk", setting.line, message, help))
}

impl ConfigText {
    /// The setting of the folder that JetStream stores in.
    fn store(&self) -> Option<&Setting> {
        self.any(&["jetstream.store_dir", "jetstream.storedir", "jetstream.store"])
    }

    /// The folder that JetStream stores in, where it is named.
    pub fn store_folder(&self) -> Option<&str> {
        match &self.store()?.value {
            Value::Text(folder) => Some(folder),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let read = |text: &str| {
            duration(&Setting { path: String::new(), line: 1, value: Value::Text(text.to_owned()) })
        };
        assert_eq!(read("1m30s"), Some(90_000));
        assert_eq!(read("1.5s"), Some(1500));
        assert_eq!(read("soon"), None);
        assert_eq!(read("5"), None);
    }
}
