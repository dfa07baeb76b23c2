//! What machines tell when their servers do not: their state, and the last words on their consoles.

use aws_sdk_ec2::types::{Instance, InstanceStateName};
use data_encoding::BASE64;
use futures_util::future::join_all;

use super::AwsProvider;
use super::error::{Answer as _, CloudClass, CloudError};
use super::instance::live;
use super::interface::of_environment;
use super::names::{GENERATION, NODE};
use super::security::tag;
use crate::model::Node;
use crate::provider::MachineSeen;

impl AwsProvider<'_> {
    /// The machine of each node; of those of `silent`, with what they last said on their consoles.
    pub async fn machines(
        &self,
        silent: &[String],
    ) -> Result<Vec<(String, MachineSeen)>, CloudError> {
        let instances = live(self, of_environment(self)).await?;
        let seen = self.cluster.nodes.iter().map(async |node| {
            let name = node.name.as_str();
            let found = instances.iter().find(|found| tag(found.tags(), NODE) == Some(name));
            let mut machine = found.map_or_else(|| absent(node), seen);
            if found.is_some() && silent.iter().any(|silent| silent == name) {
                match last_words(self, &machine.id, name).await {
                    Ok(words) => machine.console = words,
                    Err(error) => machine.console_not_observed = Some(reason(self, &error)),
                }
            }
            (name.to_owned(), machine)
        });
        Ok(join_all(seen).await)
    }
}

fn seen(instance: &Instance) -> MachineSeen {
    let state = instance.state().and_then(|state| state.name());
    let zone = instance.placement().and_then(|placement| placement.availability_zone());
    MachineSeen {
        id: instance.instance_id().unwrap_or_default().to_owned(),
        state: state.map_or("unknown", InstanceStateName::as_str).to_owned(),
        zone: zone.unwrap_or_default().to_owned(),
        generation: tag(instance.tags(), GENERATION).and_then(|text| text.parse().ok()),
        console: None,
        console_not_observed: None,
    }
}

fn absent(node: &Node) -> MachineSeen {
    MachineSeen {
        id: String::new(),
        state: MachineSeen::ABSENT.to_owned(),
        zone: node.zone.to_string(),
        generation: None,
        console: None,
        console_not_observed: None,
    }
}

fn reason(aws: &AwsProvider<'_>, error: &CloudError) -> String {
    match error.class {
        CloudClass::Permission => {
            format!("you may not; natsops policy {} operate has the right", aws.names.environment())
        }
        _ => error.to_string(),
    }
}

/// The last words of a machine. Only machines of today's kind give their console at once; others after some minutes.
async fn last_words(
    aws: &AwsProvider<'_>,
    id: &str,
    node: &str,
) -> Result<Option<String>, CloudError> {
    let ask = async |latest: bool| {
        let call = aws.clients.ec2.get_console_output().instance_id(id).latest(latest);
        call.send().await.of("GetConsoleOutput")
    };
    let answer = match ask(true).await {
        Err(error) if error.is("UnsupportedOperation") => ask(false).await?,
        answer => answer?,
    };
    let text = BASE64.decode(answer.output().unwrap_or_default().as_bytes()).unwrap_or_default();
    Ok(telling_line(&String::from_utf8_lossy(&text), node))
}

/// The newest failure, unless the node has come up since; otherwise the last step.
fn telling_line(console: &str, node: &str) -> Option<String> {
    let mark = format!("natsops: {node}: ");
    let words = console.lines().rev().filter_map(|line| Some(line.split_once(&mark)?.1));
    let words: Vec<&str> = words.collect();
    let telling = words.iter().find(|line| line.starts_with("failed: ") || line.starts_with("up "));
    let failure = telling.filter(|line| line.starts_with("failed: "));
    let line = failure.or(words.first())?;
    // It goes to a terminal, and the machine may be in anybody's hands.
    Some(line.chars().filter(|char| !char.is_control()).take(LONGEST).collect())
}

/// How much of a line is shown.
const LONGEST: usize = 500;

#[cfg(test)]
mod tests {
    use super::telling_line;

    const BOOTED: &str = "[    3.1] Linux\r\n[   12.0] natsops: nats-1: prepare folders 20 ms\r\n\
        natsops: nats-1: up 31 s after power-on, with generation b-2.15.1\r\n";

    #[test]
    fn the_newest_failure_counts_until_the_node_has_come_up() {
        let failed =
            "natsops: nats-1: failed: boot: wait for volume vol-1: it has not come in 300 s\r\n";
        let words = "failed: boot: wait for volume vol-1: it has not come in 300 s";
        let line = |console: String| telling_line(&console, "nats-1");
        assert_eq!(line(format!("{BOOTED}{failed}login: ")).unwrap(), words);
        let again = "natsops: nats-1: wait for volume vol-1 4 ms\r\n";
        assert_eq!(line(format!("{failed}{again}")).unwrap(), words);
        assert!(line(format!("{failed}{BOOTED}")).unwrap().starts_with("up 31 s"));
    }

    #[test]
    fn a_boot_that_ends_without_a_healthy_server_is_told_and_not_the_one_before() {
        let failed = "failed: boot: healthy: the server ends again and again, 55 times in 300 s: [FTL] no disk";
        let again =
            format!("natsops: nats-1: start the server 40 ms\r\nnatsops: nats-1: {failed}\r\n");
        let line = |console: String| telling_line(&console, "nats-1").unwrap();
        assert_eq!(line(format!("{BOOTED}{again}")), failed);
        // The next start of the machine has begun, and tells nothing better yet.
        assert_eq!(line(format!("{again}natsops: nats-1: wait for volume vol-1 4 ms\r\n")), failed);
    }

    #[test]
    fn without_a_failure_the_last_step_counts() {
        let console = "natsops: nats-1: prepare folders 20 ms\nnatsops: nats-10: failed: x\n";
        assert_eq!(telling_line(console, "nats-1").unwrap(), "prepare folders 20 ms");
        assert_eq!(telling_line("Linux\n", "nats-1"), None);
    }

    #[test]
    fn a_console_can_not_steer_the_terminal() {
        let console = "natsops: nats-1: failed: \u{1b}[2Jgone\u{7}\n";
        assert_eq!(telling_line(console, "nats-1").unwrap(), "failed: [2Jgone");
    }
}
