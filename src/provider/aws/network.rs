//! The existing network: looked up, checked, never changed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use aws_sdk_ec2::types::{
    Filter, LocationType, RouteState, RouteTable, State, Subnet as Ec2Subnet, VpcAttributeName,
    VpcEndpoint,
};
use ipnet::Ipv4Net;

use super::clients::Clients;
use super::error::{Answer as _, CloudClass, CloudError};
use super::room;
use crate::model::{AwsSettings, Cluster};

/// AWS keeps the first four addresses of a subnet and the last one for itself.
const RESERVED_FIRST: u32 = 4;

/// What nodes must reach without the internet: bundles, and the door for operators.
const SERVICES: [&str; 3] = ["s3", "ssm", "ssmmessages"];

/// States of an endpoint that lets nothing through, now or later.
const GONE: [&str; 5] = ["deleting", "deleted", "failed", "rejected", "expired"];

/// The network that the cluster lives in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The id of the VPC.
    pub vpc: String,
    /// The private subnet of each zone, by zone.
    pub subnets: BTreeMap<String, Subnet>,
    /// What machines would not find in it, in words.
    pub lacking: Vec<String>,
}

/// A private subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its addresses.
    pub block: Ipv4Net,
}

impl Network {
    /// Fails where machines would not find what they need.
    pub fn fits(&self) -> Result<(), CloudError> {
        if self.lacking.is_empty() { Ok(()) } else { Err(lacks(self.lacking.join("; "))) }
    }

    /// The ids of the subnets, in the order of their zones.
    pub fn subnet_ids(&self) -> Vec<String> {
        self.subnets.values().map(|subnet| subnet.id.clone()).collect()
    }

    /// The zone of a subnet.
    pub fn zone_of(&self, subnet: &str) -> Option<&str> {
        let mut subnets = self.subnets.iter();
        subnets.find(|(_, found)| found.id == subnet).map(|(zone, _)| zone.as_str())
    }
}

fn lacks(message: String) -> CloudError {
    CloudError::found("network", CloudClass::World, message)
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// Looks the network up and checks everything that nodes will need of it. All that is missing is told at once; where its
/// subnets are not those of the file, nothing can be looked at.
pub async fn look_up(
    clients: &Clients,
    cluster: &Cluster,
    settings: &AwsSettings,
) -> Result<Network, CloudError> {
    let vpc = vpc(clients, &settings.vpc).await?;
    let of_vpc = || filter("vpc-id", &vpc);
    let (names, answers, subnets, tables, endpoints, machines) = tokio::join!(
        attribute(clients, &vpc, VpcAttributeName::EnableDnsHostnames),
        attribute(clients, &vpc, VpcAttributeName::EnableDnsSupport),
        clients.ec2.describe_subnets().filters(of_vpc()).send(),
        clients.ec2.describe_route_tables().filters(of_vpc()).send(),
        clients.ec2.describe_vpc_endpoints().filters(of_vpc()).send(),
        machines(clients, cluster, settings),
    );
    let mut missing = machines?;
    if !names? || !answers? {
        missing.push(format!(
            "{vpc} must have DNS support and DNS hostnames, since clients find the cluster by name"
        ));
    }
    let subnets = subnets.of("DescribeSubnets")?.subnets.unwrap_or_default();
    let tables = tables.of("DescribeRouteTables")?.route_tables.unwrap_or_default();
    let endpoints = endpoints.of("DescribeVpcEndpoints")?.vpc_endpoints.unwrap_or_default();
    let mut amiss = Vec::new();
    let chosen = choose(cluster, settings, &subnets, &tables, &mut amiss);
    addresses(cluster, &chosen, &mut amiss);
    missing.extend(room::lacking(cluster, &chosen));
    ways_out(settings, &chosen, &tables, &endpoints, &mut missing);
    if amiss.is_empty() {
        Ok(Network { vpc, subnets: chosen, lacking: missing })
    } else {
        amiss.extend(missing);
        Err(lacks(amiss.join("; ")))
    }
}

/// What is missing for the machines: an image, or a type that a zone does not have.
async fn machines(
    clients: &Clients,
    cluster: &Cluster,
    settings: &AwsSettings,
) -> Result<Vec<String>, CloudError> {
    let (image, kind) = (&settings.image, &settings.instance_type);
    let zones: BTreeSet<&str> = cluster.nodes.iter().map(|node| node.zone.as_str()).collect();
    let (images, offers) = tokio::join!(
        clients.ec2.describe_images().image_ids(image).send(),
        clients
            .ec2
            .describe_instance_type_offerings()
            .location_type(LocationType::AvailabilityZone)
            .filters(filter("instance-type", kind))
            .send(),
    );
    let mut missing = Vec::new();
    let found = match images.of("DescribeImages") {
        Err(error) if error.code.starts_with("InvalidAMIID") => false,
        images => !images?.images().is_empty(),
    };
    if !found {
        missing.push(format!("there is no image {image} in {}", settings.region));
    }
    let offers = offers.of("DescribeInstanceTypeOfferings")?;
    let offered: BTreeSet<&str> =
        offers.instance_type_offerings().iter().filter_map(|offer| offer.location()).collect();
    let lacking: Vec<&str> = zones.difference(&offered).copied().collect();
    if !lacking.is_empty() {
        missing.push(format!("there is no {kind} in {}", lacking.join(", ")));
    }
    Ok(missing)
}

async fn vpc(clients: &Clients, wanted: &str) -> Result<String, CloudError> {
    let by = if wanted.starts_with("vpc-") { "vpc-id" } else { "tag:Name" };
    let answer =
        clients.ec2.describe_vpcs().filters(filter(by, wanted)).send().await.of("DescribeVpcs")?;
    match answer.vpcs() {
        [one] => Ok(one.vpc_id().unwrap_or_default().to_owned()),
        [] => Err(lacks(format!("there is no network `{wanted}` in this account and region"))),
        several => {
            let ids: Vec<&str> = several.iter().filter_map(|vpc| vpc.vpc_id()).collect();
            Err(lacks(format!(
                "several networks are called `{wanted}`: name one of {}",
                ids.join(", ")
            )))
        }
    }
}

async fn attribute(
    clients: &Clients,
    vpc: &str,
    name: VpcAttributeName,
) -> Result<bool, CloudError> {
    let answer = clients.ec2.describe_vpc_attribute().vpc_id(vpc).attribute(name).send().await;
    let answer = answer.of("DescribeVpcAttribute")?;
    let value = answer.enable_dns_hostnames().or(answer.enable_dns_support());
    Ok(value.and_then(|value| value.value()).unwrap_or(false))
}

/// Whether nothing from the internet gets in: no route of its table leads to an internet gateway.
fn is_private(subnet: &Ec2Subnet, tables: &[RouteTable]) -> bool {
    let Some(table) = table_of(subnet.subnet_id().unwrap_or_default(), tables) else {
        return true;
    };
    let mut routes = table.routes().iter();
    !routes.any(|route| route.gateway_id().is_some_and(|gateway| gateway.starts_with("igw-")))
}

/// The route table of a subnet: its own, or else the network's main one.
fn table_of<'a>(subnet: &str, tables: &'a [RouteTable]) -> Option<&'a RouteTable> {
    let with = |test: &dyn Fn(&aws_sdk_ec2::types::RouteTableAssociation) -> bool| {
        tables.iter().find(|table| table.associations().iter().any(test))
    };
    with(&|association| association.subnet_id() == Some(subnet))
        .or_else(|| with(&|association| association.main() == Some(true)))
}

fn choose(
    cluster: &Cluster,
    settings: &AwsSettings,
    subnets: &[Ec2Subnet],
    tables: &[RouteTable],
    missing: &mut Vec<String>,
) -> BTreeMap<String, Subnet> {
    let mut chosen = BTreeMap::new();
    for named in &settings.subnets {
        if !subnets.iter().any(|subnet| subnet.subnet_id() == Some(named)) {
            missing.push(format!("there is no subnet {named} in the network"));
        }
    }
    let zones: BTreeSet<&str> = cluster.nodes.iter().map(|node| node.zone.as_str()).collect();
    for zone in zones {
        let wanted = |subnet: &&Ec2Subnet| {
            let id = subnet.subnet_id().unwrap_or_default();
            let named =
                settings.subnets.is_empty() || settings.subnets.iter().any(|named| named == id);
            subnet.availability_zone() == Some(zone) && named && is_private(subnet, tables)
        };
        let found: Vec<&Ec2Subnet> = subnets.iter().filter(wanted).collect();
        match found[..] {
            [one] => match one.cidr_block().unwrap_or_default().parse() {
                Ok(block) => {
                    let id = one.subnet_id().unwrap_or_default().to_owned();
                    chosen.insert(zone.to_owned(), Subnet { id, block });
                }
                Err(_) => missing.push(format!("the subnet of {zone} has no IPv4 addresses")),
            },
            [] => missing.push(format!("there is no private subnet in {zone}")),
            _ => {
                let ids: Vec<&str> = found.iter().filter_map(|subnet| subnet.subnet_id()).collect();
                missing.push(format!(
                    "{zone} has several private subnets: name one of {} in provider.aws.subnets",
                    ids.join(", ")
                ));
            }
        }
    }
    chosen
}

fn addresses(cluster: &Cluster, subnets: &BTreeMap<String, Subnet>, missing: &mut Vec<String>) {
    for node in &cluster.nodes {
        let Some(subnet) = subnets.get(node.zone.as_str()) else {
            continue;
        };
        let block = subnet.block;
        let first = Ipv4Addr::from(u32::from(block.network()).saturating_add(RESERVED_FIRST));
        let usable = block.contains(&node.address)
            && node.address >= first
            && node.address < block.broadcast();
        if !usable {
            missing.push(format!(
                "{} is no address that {} can have in {block} of {}",
                node.address, node.name, node.zone
            ));
        }
    }
}

/// Bundles and operators must reach the nodes: by endpoints in the network, or through a NAT gateway.
fn ways_out(
    settings: &AwsSettings,
    subnets: &BTreeMap<String, Subnet>,
    tables: &[RouteTable],
    endpoints: &[VpcEndpoint],
    missing: &mut Vec<String>,
) {
    for (zone, subnet) in subnets {
        let table = table_of(&subnet.id, tables);
        let nat = table.is_some_and(|table| {
            table.routes().iter().any(|route| {
                // One whose gateway is gone is a black hole.
                route.destination_cidr_block() == Some("0.0.0.0/0")
                    && route.state() == Some(&RouteState::Active)
                    && (route.nat_gateway_id().is_some() || route.transit_gateway_id().is_some())
            })
        });
        if nat {
            continue;
        }
        let table = table.and_then(RouteTable::route_table_id).unwrap_or_default();
        let lacking: Vec<&str> = SERVICES
            .into_iter()
            .filter(|service| {
                let name = format!("com.amazonaws.{}.{service}", settings.region);
                let reaches = |endpoint: &&VpcEndpoint| {
                    let gateway = endpoint.route_table_ids().iter().any(|id| id == table);
                    // Machines ask for the service's own name, which leads to an endpoint only with private DNS; then in the
                    // whole network, whichever subnet the endpoint stands in.
                    let private = endpoint.private_dns_enabled() == Some(true);
                    // One that was deleted stays listed for a while. The model writes states in capitals, AWS does not.
                    let state = endpoint.state().map_or("available", State::as_str);
                    let serves = !GONE.iter().any(|gone| gone.eq_ignore_ascii_case(state));
                    endpoint.service_name() == Some(&name) && serves && (gateway || private)
                };
                !endpoints.iter().any(|endpoint| reaches(&endpoint))
            })
            .collect();
        if !lacking.is_empty() {
            missing.push(format!(
                "{} ({zone}) reaches neither a NAT gateway nor endpoints of {}",
                subnet.id,
                lacking.join(", ")
            ));
        }
    }
}
