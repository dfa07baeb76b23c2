//! What an environment costs a month: line by line, each rounded to the cent, then summed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::money::{Money, Price};
use super::prices::{GP3_IOPS, GP3_THROUGHPUT, HOURS, Prices};
use crate::model::{ByteRate, ByteSize};
use crate::plan::{Kind, Record};

/// What no line stands for: it follows from use, or belongs to the network, which is not ours.
const WITHOUT: [&str; 5] = [
    "NAT gateways",
    "endpoints",
    "load balancer capacity units",
    "traffic",
    "requests and backups",
];

/// The kinds that cost something for being there.
const PRICED: [Kind; 6] = [
    Kind::EncryptionKey,
    Kind::ReplicationGroup,
    Kind::Volume,
    Kind::LoadBalancer,
    Kind::Instance,
    Kind::Zone,
];

/// What an environment costs a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MonthlyCost {
    /// By the price list of its region.
    Priced(Cost),
    /// There is no price list of this region, and nobody guesses.
    NoPrices(String),
}

/// A cost, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cost {
    /// The region that it was counted for.
    pub region: String,
    /// The date of the prices.
    pub prices_of: String,
    /// The lines.
    pub lines: Vec<CostLine>,
    /// The sum of what is there now.
    pub before: Money,
    /// The sum of what is there after an apply.
    pub after: Money,
    /// What it changes.
    pub change: Money,
    /// What costs something and has no price here.
    pub unpriced: Vec<String>,
    /// What is not in it.
    pub without: Vec<String>,
}

/// One line of a cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CostLine {
    /// What is counted.
    pub item: String,
    /// What is there now.
    pub before: Share,
    /// What is there after an apply.
    pub after: Share,
}

/// A quantity, and what it costs a month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Share {
    /// How many.
    pub quantity: u64,
    /// What they cost.
    pub amount: Money,
}

/// What the things of a region cost a month before and after. `unseen` are kinds that could not be looked at.
pub fn monthly_cost(
    region: &str,
    before: &[Record],
    after: &[Record],
    unseen: &[Kind],
) -> MonthlyCost {
    let Some(prices) = Prices::of(region) else {
        return MonthlyCost::NoPrices(region.to_owned());
    };
    let mut bill = Bill { prices, items: BTreeMap::new(), unpriced: Vec::new() };
    for (when, records) in [(When::Before, before), (When::After, after)] {
        for record in records {
            bill.add(when, record);
        }
    }
    let unseen = unseen.iter().filter(|kind| PRICED.contains(kind));
    let unseen = unseen.map(|kind| format!("each {}, which was not looked at", kind.word()));
    let without = WITHOUT.into_iter().map(str::to_owned).chain(unseen).collect();
    MonthlyCost::Priced(bill.sum(without))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    After,
}

/// What is counted, and its price: one line each.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    kind: Kind,
    text: String,
    price: Price,
}

/// The lines as they grow.
struct Bill {
    prices: &'static Prices,
    items: BTreeMap<Item, [u64; 2]>,
    unpriced: Vec<String>,
}

impl Bill {
    /// Adds what one thing costs.
    fn add(&mut self, when: When, record: &Record) {
        let counted = match record.id.kind {
            Kind::Instance => self.instance(when, record),
            Kind::Volume => self.volume(when, record),
            Kind::ReplicationGroup => self.cache(when, record),
            Kind::LoadBalancer => {
                let price = self.prices.load_balancer * HOURS;
                self.count(when, Kind::LoadBalancer, "network load balancer", price, 1)
            }
            Kind::EncryptionKey => {
                let price = self.prices.encryption_key;
                self.count(when, Kind::EncryptionKey, "customer-managed key", price, 1)
            }
            Kind::Zone => self.count(when, Kind::Zone, "private zone", self.prices.zone, 1),
            _ => Some(()),
        };
        if counted.is_none() && when == When::After {
            self.unpriced.push(unpriced(record));
        }
    }

    fn count(
        &mut self,
        when: When,
        kind: Kind,
        text: &str,
        price: Price,
        units: u64,
    ) -> Option<()> {
        if units > 0 {
            let item = Item { kind, text: text.to_owned(), price };
            let quantities = self.items.entry(item).or_default();
            let quantity = &mut quantities[when as usize];
            *quantity = quantity.saturating_add(units);
        }
        Some(())
    }

    fn instance(&mut self, when: When, record: &Record) -> Option<()> {
        // Both are known before either is counted, so that nothing is counted by half.
        let root = gibibytes(value(record, "root_size")?)?;
        let kind = value(record, "type")?;
        let price = self.prices.instance(kind)? * HOURS;
        self.count(when, Kind::Instance, &format!("instance {kind}"), price, 1)?;
        let price = self.prices.gp3_size;
        self.count(when, Kind::Instance, "GiB of root volumes, gp3", price, root)
    }

    fn volume(&mut self, when: When, record: &Record) -> Option<()> {
        if value(record, "type")? != "gp3" {
            return None;
        }
        let size = gibibytes(value(record, "size")?)?;
        let iops: u64 = value(record, "iops")?.parse().ok()?;
        let throughput: ByteRate = value(record, "throughput")?.parse().ok()?;
        let throughput = throughput.bytes_per_second().div_ceil(1 << 20);
        let Prices { gp3_size, gp3_iops, gp3_throughput, .. } = self.prices;
        let more = |wanted: u64, included: u64| wanted.saturating_sub(included);
        for (text, price, units) in [
            ("GiB of data volumes, gp3", gp3_size, size),
            ("operations per second above 3,000, gp3", gp3_iops, more(iops, GP3_IOPS)),
            ("MiB/s above 125, gp3", gp3_throughput, more(throughput, GP3_THROUGHPUT)),
        ] {
            self.count(when, Kind::Volume, text, *price, units)?;
        }
        Some(())
    }

    fn cache(&mut self, when: When, record: &Record) -> Option<()> {
        let (engine, kind) = (value(record, "engine")?, value(record, "node_type")?);
        let shards: u64 = value(record, "shards")?.parse().ok()?;
        let replicas: u64 = value(record, "replicas_per_shard")?.parse().ok()?;
        let nodes = shards.checked_mul(replicas.checked_add(1)?)?;
        let price = self.prices.cache_node(engine, kind)? * HOURS;
        self.count(when, Kind::ReplicationGroup, &format!("{kind} of {engine}"), price, nodes)
    }

    fn sum(self, without: Vec<String>) -> Cost {
        let line = |(item, quantities): (Item, [u64; 2])| {
            let [before, after] =
                quantities.map(|quantity| Share { quantity, amount: item.price.of(quantity) });
            CostLine { item: item.text, before, after }
        };
        let lines: Vec<CostLine> = self.items.into_iter().map(line).collect();
        let before: Money = lines.iter().map(|line| line.before.amount).sum();
        let after: Money = lines.iter().map(|line| line.after.amount).sum();
        Cost {
            region: self.prices.region.to_owned(),
            prices_of: self.prices.date.to_owned(),
            lines,
            before,
            after,
            change: after - before,
            unpriced: self.unpriced,
            without,
        }
    }
}

fn value<'a>(record: &'a Record, field: &str) -> Option<&'a str> {
    record.fields.get(field).map(|field| field.value.as_str())
}

/// Volumes are made and charged in whole GiB.
fn gibibytes(size: &str) -> Option<u64> {
    let size: ByteSize = size.parse().ok()?;
    Some(size.bytes().div_ceil(1 << 30))
}

/// What has no price, with the type that is to blame where there is one.
fn unpriced(record: &Record) -> String {
    let kind = value(record, "type").or_else(|| value(record, "node_type"));
    let kind = kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
    format!("{}{kind}", record.id)
}

#[cfg(test)]
mod tests;
