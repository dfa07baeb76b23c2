//! An operation on a node's machine, on AWS or here, with what must be looked at before.

use crate::cli::ask::confirm;
use crate::cli::cloud::{Cloud, on_aws};
use crate::cli::context::{Context, Programs, block_on};
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::{exit, lookup};
use crate::model::{Cluster, Node};
use crate::nats::Varz;
use crate::ops::gate::may_leave;
use crate::ops::survey::{interruption, observe};
use crate::ops::{Allowed, OpsError, Site};
use crate::provider::Provider;
use crate::provider::aws::AwsShell;
use crate::provider::local::LocalShell;
use crate::shell::{NodeShell, Operation, RunId, ShellOutput, Take};

/// What is asked for; which generation that is, is looked up.
#[derive(Debug, Clone, Copy)]
pub enum Order {
    Status,
    Drain,
    Boot,
    Rollback(Take),
    Apply(Take),
    Logs(usize),
}

/// An order to the machine of a node.
pub struct Wish<'a> {
    /// The environment.
    pub environment: &'a str,
    /// The node, as it was typed.
    pub node: &'a str,
    /// What to do.
    pub order: Order,
    /// Whether it may interrupt something.
    pub allow_interruption: bool,
    /// Whether nobody is asked.
    pub yes: bool,
}

impl Order {
    /// Its name.
    pub fn name(self) -> &'static str {
        self.of(String::new()).name()
    }

    fn of(self, generation: String) -> Operation {
        match self {
            Self::Status => Operation::Status,
            Self::Drain => Operation::Drain,
            Self::Boot => Operation::Boot,
            Self::Rollback(take) => Operation::Rollback(take),
            Self::Apply(take) => Operation::Apply { generation, take },
            Self::Logs(lines) => Operation::Logs(lines),
        }
    }
}

/// Does it, and gives what it said.
pub fn operate(context: &Context, wish: &Wish<'_>) -> Result<ShellOutput, Failure> {
    match on_aws(context, wish.environment)? {
        Some(cluster) => on_machine(context, wish, cluster),
        None => on_this_machine(context, wish),
    }
}

fn on_machine(
    context: &Context,
    wish: &Wish<'_>,
    cluster: Cluster,
) -> Result<ShellOutput, Failure> {
    let (cloud, progress) = (Cloud::open(cluster)?, Progress::new());
    let node = lookup::node(&cloud.cluster, wish.node)?;
    let changes = agreed(wish)?;
    block_on(async |stop| {
        let aws = cloud.provider().await?;
        let site = cloud.site(context.edges(wish.environment), &progress, allowed(wish));
        let shell = AwsShell::new(&aws);
        let generation = match wish.order {
            Order::Apply(_) => aws.generation(node).await?,
            _ => String::new(),
        };
        let operation = wish.order.of(generation);
        if !changes {
            return perform(&site, &shell, node, &operation).await;
        }
        let command = format!("node {}", operation.name());
        let work = perform(&site, &shell, node, &operation);
        cloud.under_lease(&aws, (&command, &progress, stop), work).await
    })
}

fn on_this_machine(context: &Context, wish: &Wish<'_>) -> Result<ShellOutput, Failure> {
    let workplace = context.open_local(wish.environment)?;
    let node = lookup::node(&workplace.cluster, wish.node)?;
    let shell = LocalShell::new(&workplace.cluster, workplace.nodes());
    shell.is_sensible(&wish.order.of(String::new()))?;
    let changes = agreed(wish)?;
    let progress = Progress::new();
    let command = format!("node {}", wish.order.name());
    let _lease = changes.then(|| context.lease(wish.environment, &command)).transpose()?;
    block_on(async |_| {
        let site = workplace.site(Programs::default(), &progress, allowed(wish));
        perform(&site, &shell, node, &wish.order.of(String::new())).await
    })
}

fn allowed(wish: &Wish<'_>) -> Allowed {
    Allowed { interruption: wish.allow_interruption, ..Allowed::default() }
}

/// Asks, where something changes; tells whether it does.
fn agreed(wish: &Wish<'_>) -> Result<bool, Failure> {
    let changes = wish.order.of(String::new()).changes();
    if changes {
        let Wish { environment, node, order, .. } = wish;
        confirm(&format!("{} {node} of {environment}?", order.name()), "yes", wish.yes)?;
    }
    Ok(changes)
}

/// Sees to it that everything goes on, then runs it.
async fn perform<P: Provider>(
    site: &Site<'_, P>,
    shell: &impl NodeShell,
    node: &Node,
    operation: &Operation,
) -> Result<ShellOutput, Failure> {
    if operation.stops() && !site.allowed.interruption {
        goes_on_without(site, node).await?;
    }
    // Of a server that is away, or out of reach, nobody can say it.
    let before = site.monitor(node).varz().await.ok().as_ref().map(Varz::moment);
    let environment = &site.cluster.environment;
    let run = RunId::new(environment, &node.name, operation, before.as_deref());
    Ok(shell.run(&node.name, operation, &run).await?)
}

/// Refuses what would interrupt something: a quorum or a majority lost, or something that lives on this node alone.
async fn goes_on_without<P: Provider>(site: &Site<'_, P>, node: &Node) -> Result<(), Failure> {
    let name = node.name.as_str();
    let world = observe(site, &site.store.index()?).await?;
    if world.servers().next().is_none() {
        let environment = &site.cluster.environment;
        let what = format!(
            "no server of {environment} can be reached from here, so nobody can say what depends on {name}"
        );
        return Err(Failure::new(exit::REFUSED, what)
            .safe("nothing was changed")
            .next("run it where their port 8222 is open, or add --allow-interruption"));
    }
    // Who is away already takes nothing along.
    if !world.servers().any(|server| server.server_name == name) {
        return Ok(());
    }
    if let Some(what) = interruption(site, &world, name) {
        return Err(OpsError::WouldInterrupt { node: name.to_owned(), what }.into());
    }
    may_leave(site, world.health, name).await?;
    Ok(())
}
