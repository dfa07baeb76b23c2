//! Sessions of Session Manager: a way to a machine that has no open port, through AWS's own plugin.

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use super::AwsProvider;
use super::error::{Answer as _, CloudClass, CloudError};
use crate::model::Partition;
use crate::provider::MachineSeen;
use crate::secrets::Secret;

/// The variable that hands the plugin what a session may be joined with. On its command line, everybody here could read it.
const RESPONSE: &str = "AWS_SSM_START_SESSION_RESPONSE";
/// The first plugin that reads the variable.
const READS_VARIABLE: [u32; 4] = [1, 2, 497, 0];
const PROGRAM: &str = "session-manager-plugin";
/// The document that forwards a port of an address. The one without an address reaches only what listens on the machine's
/// loopback, and a server listens at its node's address alone.
const FORWARDING: &str = "AWS-StartPortForwardingSessionToRemoteHost";

/// What a session is for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// A shell on the machine.
    Shell,
    /// A port of this machine that leads to one of an address that the machine reaches.
    Port {
        /// The port of this machine.
        local: u16,
        /// The address.
        host: Ipv4Addr,
        /// The port there.
        remote: u16,
    },
}

/// A session that has begun.
pub struct Session {
    /// Its id.
    pub id: String,
    region: String,
    request: serde_json::Value,
    response: Secret<String>,
}

/// AWS's program for sessions.
pub struct Plugin(PathBuf);

impl Plugin {
    /// Looks for it on the path; why it can't be used, in words.
    pub fn find() -> Result<Self, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut programs = std::env::split_paths(&path).map(|folder| folder.join(PROGRAM));
        let program = programs.find(|program| program.is_file());
        let program = program.ok_or_else(|| format!("{PROGRAM} is not installed here"))?;
        let said = Command::new(&program).arg("--version").output();
        let said = said.map_err(|error| format!("{} can't be run: {error}", program.display()))?;
        let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        if !reads_variable(&version) {
            let needed = READS_VARIABLE.map(|part| part.to_string()).join(".");
            return Err(format!("{PROGRAM} {version} is too old; {needed} is needed"));
        }
        Ok(Self(program))
    }

    /// The command that joins a session.
    pub fn join(&self, session: &Session) -> Command {
        let mut command = Command::new(&self.0);
        let domain = Partition::of(&session.region).domain;
        let endpoint = format!("https://ssm.{}.{domain}", session.region);
        let profile = std::env::var_os("AWS_PROFILE").unwrap_or_default();
        command.args([RESPONSE, &session.region, "StartSession"]).arg(profile);
        command.args([session.request.to_string(), endpoint]);
        command.env(RESPONSE, OsStr::new(session.response.expose()));
        command
    }
}

fn reads_variable(version: &str) -> bool {
    let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    parts.is_some_and(|parts| parts.as_slice() >= READS_VARIABLE.as_slice())
}

impl AwsProvider<'_> {
    /// Begins a session with a machine.
    pub async fn begin_session(
        &self,
        machine: &MachineSeen,
        purpose: Purpose,
    ) -> Result<Session, CloudError> {
        let mut request = serde_json::json!({ "Target": machine.id });
        let mut call = self.clients.ssm.start_session().target(&machine.id);
        if let Purpose::Port { local, host, remote } = purpose {
            let parameters = [
                ("host", host.to_string()),
                ("portNumber", remote.to_string()),
                ("localPortNumber", local.to_string()),
            ];
            call = call.document_name(FORWARDING);
            request["DocumentName"] = FORWARDING.into();
            for (name, value) in parameters {
                request["Parameters"][name] = serde_json::json!([value]);
                call = call.parameters(name, vec![value]);
            }
        }
        let answer = call.send().await.of("StartSession")?;
        let id = answer.session_id().unwrap_or_default().to_owned();
        let response = serde_json::json!({
            "SessionId": id, "TokenValue": answer.token_value(), "StreamUrl": answer.stream_url(),
        });
        let response = Secret::new(response.to_string());
        Ok(Session { id, region: self.settings.region.clone(), request, response })
    }

    /// Ends a session.
    pub async fn end_session(&self, session: &Session) -> Result<(), CloudError> {
        let call = self.clients.ssm.terminate_session().session_id(&session.id);
        match call.send().await.of("TerminateSession") {
            Err(error) if error.is("DoesNotExistException") => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// The machine of a node, which must run.
    pub async fn running(&self, node: &str) -> Result<MachineSeen, CloudError> {
        let machines = self.machines(&[]).await?;
        let found = machines.into_iter().find(|(name, _)| name == node).map(|(_, machine)| machine);
        let state = found.as_ref().map_or(MachineSeen::ABSENT, |machine| &machine.state).to_owned();
        found.filter(|machine| machine.state == "running").ok_or_else(|| {
            let message = format!("the machine of {node} is {state}");
            CloudError::found("look", CloudClass::World, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            id: "engineer-1".to_owned(),
            region: "eu-west-1".to_owned(),
            request: serde_json::json!({ "Target": "i-1" }),
            response: Secret::new(r#"{"TokenValue":"of-a-session"}"#.to_owned()),
        }
    }

    #[test]
    fn only_a_plugin_that_reads_the_variable_is_used() {
        for version in ["1.2.497.0", "1.2.707.0", "1.10.0.0", "2.0.0.0"] {
            assert!(reads_variable(version), "{version}");
        }
        for version in ["1.2.496.9", "1.1.999.0", "", "latest"] {
            assert!(!reads_variable(version), "{version}");
        }
    }

    #[test]
    fn what_joins_a_session_is_on_no_command_line() {
        let command = Plugin(PROGRAM.into()).join(&session());
        let arguments: Vec<_> = command.get_args().map(|one| one.to_string_lossy()).collect();
        assert!(arguments.iter().all(|argument| !argument.contains("of-a-session")));
        assert_eq!(arguments[..3], [RESPONSE, "eu-west-1", "StartSession"]);
        assert_eq!(arguments[4..], [r#"{"Target":"i-1"}"#, "https://ssm.eu-west-1.amazonaws.com"]);
    }
}
