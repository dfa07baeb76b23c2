//! The node shell by Run Command of Systems Manager, which reaches machines that nobody can connect to.
//!
//! `SendCommand` knows no token, and sent twice it runs twice. So the id of a run is its command's comment: what was sent
//! under it is looked for first, the SDK's own repetition is off for this call, and after an answer that did not come, the
//! command is looked for again and never sent again.

use std::time::{Duration, Instant};

use aws_sdk_ec2::types::InstanceStateName;
use aws_sdk_ssm::config::retry::RetryConfig;
use aws_sdk_ssm::types::{
    Command, CommandFilter, CommandFilterKey, CommandInvocationStatus, CommandStatus,
};
use jiff::{SignedDuration, Timestamp};

use super::AwsProvider;
use super::error::{Answer as _, CloudClass, CloudError};
use super::instance::live;
use super::interface::of_environment;
use super::names::NODE;
use super::security::tag;
use super::wait::pause;
use crate::model::NodeName;
use crate::shell::{NodeShell, Operation, RunId, ShellError, ShellOutput};

/// The document that runs lines of a shell; every region has it.
const DOCUMENT: &str = "AWS-RunShellScript";

/// How long an agent may take to fetch a command. One that is online does it at once.
const DELIVERY: Duration = Duration::from_secs(120);

/// How long a command may run: a lame duck of minutes, a download and a start.
const EXECUTION: Duration = Duration::from_secs(900);

/// How far back is looked for what was sent: longer than any command lives.
const BACK: SignedDuration = SignedDuration::from_hours(24);

/// How often a command is looked for whose answer did not come, and how often sending is tried when AWS asks to slow down.
const TRIES: u32 = 5;

/// How long the invocation of a command may be unknown right after sending.
const FRESH: Duration = Duration::from_secs(30);

/// The first wait for an end; each is half as long again as the one before.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5);

/// How many characters Systems Manager keeps of an output, and of complaints.
const OUTPUT: usize = 24_000;
const COMPLAINTS: usize = 8_000;

/// Operates machines of an environment.
pub struct AwsShell<'a> {
    aws: &'a AwsProvider<'a>,
}

/// An order to one machine.
struct Order<'o> {
    node: &'o NodeName,
    machine: String,
    operation: &'o Operation,
    run: &'o RunId,
}

impl From<CloudError> for ShellError {
    fn from(error: CloudError) -> Self {
        Self::Remote(Box::new(error))
    }
}

impl<'a> AwsShell<'a> {
    /// The shell of an environment's machines.
    pub fn new(aws: &'a AwsProvider<'a>) -> Self {
        Self { aws }
    }
}

impl NodeShell for AwsShell<'_> {
    async fn execute(
        &self,
        node: &NodeName,
        operation: &Operation,
        run: &RunId,
    ) -> Result<ShellOutput, ShellError> {
        let machine = machine(self.aws, node).await?;
        let order = Order { node, machine, operation, run };
        let sent = self.sent(&order).await?;
        let command = match sent.first().filter(|command| counts(command, run)) {
            Some(command) => id(command),
            None => self.send(&order, &sent).await?,
        };
        self.follow(&order, &command).await
    }
}

/// The machine of a node that runs.
pub async fn machine(aws: &AwsProvider<'_>, node: &NodeName) -> Result<String, ShellError> {
    let found = live(aws, of_environment(aws)).await?;
    let running = found.into_iter().find(|instance| {
        let state = instance.state().and_then(|state| state.name());
        tag(instance.tags(), NODE) == Some(node.as_str())
            && state == Some(&InstanceStateName::Running)
    });
    let id = running.and_then(|instance| instance.instance_id);
    id.ok_or_else(|| ShellError::NoMachine { node: node.to_string() })
}

/// Whether a command is the run itself: it is on its way, or has done it. One that failed may be tried anew.
fn counts(command: &Command, run: &RunId) -> bool {
    use CommandStatus::{Cancelling, InProgress, Pending, Success};
    match command.status() {
        Some(Pending | InProgress | Cancelling) => true,
        Some(Success) => run.outlives_its_end(),
        _ => false,
    }
}

fn id(command: &Command) -> String {
    command.command_id().unwrap_or_default().to_owned()
}

impl AwsShell<'_> {
    /// What was sent under this id, the last first.
    async fn sent(&self, order: &Order<'_>) -> Result<Vec<Command>, CloudError> {
        let since = (Timestamp::now() - BACK).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let since = CommandFilter::builder().key(CommandFilterKey::InvokedAfter).value(since);
        let since = since.build().map_err(|error| {
            CloudError::found("ListCommands", CloudClass::Other, error.to_string())
        })?;
        let call = self.aws.clients.ssm.list_commands().instance_id(&order.machine).filters(since);
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let mut found = found.of("ListCommands")?;
        found.retain(|command| command.comment() == Some(order.run.as_str()));
        found.sort_by_key(|command| {
            command.requested_date_time().map(|time| std::cmp::Reverse(time.as_nanos()))
        });
        Ok(found)
    }

    /// Sends it, and gives the command's id. `before` are those that were sent under the same id and failed.
    async fn send(&self, order: &Order<'_>, before: &[Command]) -> Result<String, ShellError> {
        let mut tries = 0;
        let error = loop {
            match self.order(order).await {
                Ok(id) => return Ok(id),
                // AWS has refused before it did anything.
                Err(error) if is_throttled(&error) && tries < TRIES => {
                    tries += 1;
                    pause(Duration::from_secs(2)).await;
                }
                Err(error) => break error,
            }
        };
        if error.is("InvalidInstanceId") {
            return Err(order.offline("it has never said that it is there, or has stopped since"));
        }
        if !is_unanswered(&error) {
            return Err(error.into());
        }
        for _ in 0..TRIES {
            pause(Duration::from_secs(2)).await;
            let found = self.sent(order).await?;
            let known: Vec<String> = before.iter().map(id).collect();
            if let Some(command) = found.iter().find(|command| !known.contains(&id(command))) {
                return Ok(id(command));
            }
        }
        let (node, operation) = (order.node.to_string(), order.operation.to_string());
        Err(ShellError::Lost { node, operation, reason: error.to_string() })
    }

    async fn order(&self, order: &Order<'_>) -> Result<String, CloudError> {
        let once = aws_sdk_ssm::config::Builder::new().retry_config(RetryConfig::disabled());
        let call = self.aws.clients.ssm.send_command().document_name(DOCUMENT);
        let call = call
            .instance_ids(&order.machine)
            .comment(order.run.as_str())
            .timeout_seconds(i32::try_from(DELIVERY.as_secs()).unwrap_or(i32::MAX))
            .parameters("commands", vec![order.operation.to_string()])
            .parameters("executionTimeout", vec![EXECUTION.as_secs().to_string()]);
        let answer = call.customize().config_override(once).send().await.of("SendCommand")?;
        Ok(answer.command().map(id).unwrap_or_default())
    }

    /// Waits for the end of a command.
    async fn follow(&self, order: &Order<'_>, command: &str) -> Result<ShellOutput, ShellError> {
        use CommandInvocationStatus::{Cancelled, Failed, Success, TimedOut};
        let call = || {
            let call = self.aws.clients.ssm.get_command_invocation();
            call.command_id(command).instance_id(&order.machine)
        };
        let (begin, mut wait) = (Instant::now(), FIRST);
        // AWS ends it before; this is for an AWS that does not.
        let limit = DELIVERY + EXECUTION + FRESH;
        while begin.elapsed() < limit {
            let answer = match call().send().await.of("GetCommandInvocation") {
                Err(error) if error.is("InvocationDoesNotExist") && begin.elapsed() < FRESH => None,
                answer => Some(answer?),
            };
            if let Some(answer) = answer {
                let (code, details) = (answer.response_code(), answer.status_details());
                let details = details.unwrap_or_default();
                match answer.status() {
                    Some(Success | Failed) if code >= 0 => {
                        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
                        let stdout = text(answer.standard_output_content());
                        let stderr = text(answer.standard_error_content());
                        let cut = is_cut(&stdout, OUTPUT) || is_cut(&stderr, COMPLAINTS);
                        return Ok(ShellOutput { code, stdout, stderr, cut });
                    }
                    Some(TimedOut | Failed) if is_undelivered(details) => {
                        let seconds = DELIVERY.as_secs();
                        return Err(
                            order.offline(&format!("it did not fetch the command in {seconds} s"))
                        );
                    }
                    Some(TimedOut | Failed | Cancelled | Success) => {
                        return Err(order.ended(details));
                    }
                    _ => {}
                }
            }
            pause(wait).await;
            wait = wait.mul_f64(1.5).min(LONGEST);
        }
        Err(order.ended(&format!("it still runs after {} s", limit.as_secs())))
    }
}

impl Order<'_> {
    fn offline(&self, reason: &str) -> ShellError {
        let (node, machine) = (self.node.to_string(), self.machine.clone());
        ShellError::Offline { node, machine, reason: reason.to_owned() }
    }

    fn ended(&self, details: &str) -> ShellError {
        let (node, operation) = (self.node.to_string(), self.operation.to_string());
        let seconds = EXECUTION.as_secs();
        let reason = match details {
            "ExecutionTimedOut" | "Execution Timed Out" => {
                format!("it ran longer than {seconds} s")
            }
            "Cancelled" | "Terminated" => "somebody has cancelled it".to_owned(),
            other => other.to_owned(),
        };
        ShellError::Ended { node, operation, reason }
    }
}

/// The details with and without their spaces: AWS's reference has one, its answers have had the other.
fn is_undelivered(details: &str) -> bool {
    let details: String = details.split_whitespace().collect();
    matches!(details.as_str(), "DeliveryTimedOut" | "Undeliverable")
}

fn is_throttled(error: &CloudError) -> bool {
    error.code.contains("Throttl") || error.is("RequestLimitExceeded")
}

/// Whether AWS may have taken the order although it did not say so.
fn is_unanswered(error: &CloudError) -> bool {
    error.class == CloudClass::Unanswered
        || error.code.is_empty()
        || error.code.contains("Internal")
        || error.code.contains("Unavailable")
}

fn is_cut(text: &str, limit: usize) -> bool {
    text.chars().count() >= limit || text.trim_end().trim_end_matches('-').ends_with("truncated")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_taken_is_told_from_what_was_refused() {
        let error = |code: &str| CloudError {
            code: code.into(),
            ..CloudError::found("", CloudClass::Other, "")
        };
        assert!(is_unanswered(&error("InternalServerError")) && is_unanswered(&error("")));
        assert!(!is_unanswered(&error("AccessDeniedException")));
        assert!(
            is_throttled(&error("ThrottlingException"))
                && !is_unanswered(&error("ThrottlingException"))
        );
    }

    #[test]
    fn an_output_that_was_cut_is_noticed() {
        assert!(is_cut(&"x".repeat(OUTPUT), OUTPUT));
        assert!(is_cut("a\n---Output truncated---", OUTPUT));
        assert!(!is_cut("natsops: nats-1: take 5 ms\n", OUTPUT));
    }
}
