//! `natsops output ENV [SERVICE]`

use anstream::{eprintln, println};
use serde_json::{Value, json};

use super::cloud::{Cloud, on_aws};
use super::context::{Context, block_on};
use super::failure::Failure;
use super::{candidates, exit, lookup, paint};
use crate::model::{Cluster, Service};
use crate::ops::OpsError;
use crate::provider::Platform as _;
use crate::provider::aws::{AwsProvider, Outputs};

/// Show what services on AWS need: addresses, the security group to carry, parameters, and the `secrets` of a task
///
/// Nothing secret is shown: a task's execution role reads the parameters when the task starts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  natsops output prod                        the addresses, and the security group that tasks must carry
  natsops output prod llm-gateway            the `secrets` of llm-gateway's task definition
  natsops output prod --json | jq -r .client_security_group")]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// Only the `secrets` of this service's task definition
    #[arg(value_name = "SERVICE", add = candidates::services())]
    service: Option<String>,
}

/// The environment variables of a task, by the piece that they hold.
const VARIABLES: [(&str, &str); 6] = [
    ("creds", "NATS_CREDS"),
    ("cert", "NATS_CERT"),
    ("key", "NATS_KEY"),
    ("ca", "NATS_CA"),
    ("urls", "NATS_URL"),
    ("redis", "REDIS_URL"),
];

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let environment = &args.environment;
    let Some(cluster) = on_aws(context, environment)? else {
        let what = format!("`{environment}` does not live on AWS");
        return Err(Failure::new(exit::USAGE, what)
            .next(format!("natsops creds export {environment} SERVICE --out DIR")));
    };
    let only = args.service.as_ref().map(|name| lookup::service(&cluster, name).cloned());
    let only = only.transpose()?;
    let cloud = Cloud::open(cluster)?;
    block_on(async |_| {
        let platform = cloud.provider().await?;
        platform.observe(false).await.map_err(OpsError::from)?;
        let outputs = platform.outputs();
        match &only {
            Some(service) => println!("{:#}", secrets(&platform, service)),
            None if context.json => println!("{:#}", whole(&platform, &outputs)),
            None => tell(&cloud.cluster, &outputs),
        }
        if outputs.load_balancer.is_none() {
            let note = paint::change("note:");
            eprintln!("{note} not everything is there yet: natsops apply {environment}");
        }
        Ok(exit::DONE)
    })
}

/// The `secrets` of a container definition of ECS.
fn secrets(platform: &AwsProvider<'_>, service: &Service) -> Value {
    let arns = platform.parameter_arns(service);
    let entries = arns.iter().filter_map(|(piece, arn)| {
        let (_, variable) = VARIABLES.iter().find(|(name, _)| name == piece)?;
        Some(json!({"name": variable, "valueFrom": arn}))
    });
    entries.collect()
}

fn whole(platform: &AwsProvider<'_>, outputs: &Outputs) -> Value {
    let services: serde_json::Map<String, Value> = platform
        .cluster
        .services
        .values()
        .map(|service| {
            let parameters: serde_json::Map<String, Value> = platform
                .parameter_arns(service)
                .into_iter()
                .map(|(piece, arn)| (piece.to_owned(), arn.into()))
                .collect();
            let told = json!({
                "parameters": parameters, "inbox_prefix": service.inbox_prefix(),
                "ecs_secrets": secrets(platform, service),
            });
            (service.name.to_string(), told)
        })
        .collect();
    json!({
        "format": 1, "environment": platform.cluster.environment.as_str(),
        "account": platform.settings.account, "region": platform.settings.region,
        "urls": platform.cluster.client_urls(), "leafnode_urls": platform.cluster.leafnode_urls(),
        "client_security_group": outputs.client_security_group,
        "load_balancer": outputs.load_balancer, "cache": outputs.cache, "services": services,
    })
}

fn tell(cluster: &Cluster, outputs: &Outputs) {
    let missing = "not there yet";
    let known = |text: &Option<String>| text.clone().unwrap_or(missing.to_owned());
    println!("clients         {}", cluster.client_urls().join(", "));
    println!("leafnodes       {}", cluster.leafnode_urls().join(", "));
    println!("load balancer   {}", known(&outputs.load_balancer));
    println!("security group  {}", known(&outputs.client_security_group));
    if cluster.redis.is_some() {
        println!("cache           {}", known(&outputs.cache));
    }
}
