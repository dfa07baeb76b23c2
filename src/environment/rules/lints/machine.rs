//! Lints about what a machine really gives: processors, memory, its way to the volume.

use super::super::Document;
use crate::environment::spec::{AwsSpec, EnvironmentSpec, ProviderSpec};
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::ByteSize;

/// What an instance type gives. Bursts are left out: they last 30 minutes a day.
struct Instance {
    name: &'static str,
    processors: u64,
    memory: ByteSize,
    /// Bytes per second to the volume.
    throughput: u64,
    /// Operations per second on the volume.
    operations: u32,
}

/// EC2's DescribeInstanceTypes, baselines.
const INSTANCES: [Instance; 3] = [
    Instance {
        name: "m6i.large",
        processors: 2,
        memory: ByteSize::new(8 << 30),
        throughput: 81_250_000,
        operations: 3600,
    },
    Instance {
        name: "m6i.xlarge",
        processors: 4,
        memory: ByteSize::new(16 << 30),
        throughput: 156_250_000,
        operations: 6000,
    },
    Instance {
        name: "m6i.2xlarge",
        processors: 8,
        memory: ByteSize::new(32 << 30),
        throughput: 312_500_000,
        operations: 12_000,
    },
];

/// Where production starts, says the documentation of NATS.
const PROCESSORS: u64 = 4;
const MEMORY: ByteSize = ByteSize::new(8 << 30);

/// The part of a machine's memory that the server's collector is told to keep to.
const MEMORY_LIMIT_PERCENT: u64 = 80;

/// The part of a volume that streams may reserve; the rest is for the file system and for compaction.
const VOLUME_PERCENT: u64 = 90;

pub fn check(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    problems.items.extend(volume_headroom(environment));
    let ProviderSpec::Aws(aws) = &environment.spec.provider else {
        return;
    };
    let Some(instance) = INSTANCES.iter().find(|known| known.name == aws.instance_type) else {
        problems.push(unknown(environment, aws));
        return;
    };
    problems.items.extend(small_instance(environment, instance));
    problems.items.extend(memory(environment, instance));
    problems.items.extend(throughput(environment, aws, instance));
    problems.items.extend(operations(environment, aws, instance));
}

fn volume_headroom(environment: &Document<EnvironmentSpec>) -> Option<Diagnostic> {
    let volume = match &environment.spec.provider {
        ProviderSpec::Local(local) => local.volume,
        ProviderSpec::Aws(aws) => aws.volume.size,
    };
    let max_file = environment.spec.nats.jetstream.max_file;
    let most = volume.bytes() / 100 * VOLUME_PERCENT;
    if max_file.bytes() <= most {
        return None;
    }
    let message = format!("max_file is {max_file} of a volume of {volume}");
    let lint = environment.lint("volume-nearly-full", "nats.jetstream.max_file", message);
    let most = ByteSize::new(most).rounded();
    Some(
        lint.help(format!("leave 10 to 15 % to the file system and to compaction: at most {most}")),
    )
}

fn unknown(environment: &Document<EnvironmentSpec>, aws: &AwsSpec) -> Diagnostic {
    let message = format!("nothing is known about the instance type `{}`", aws.instance_type);
    let known: Vec<&str> = INSTANCES.iter().map(|instance| instance.name).collect();
    environment.lint("unknown-instance", "provider.aws.instance_type", message).help(format!(
        "look up its processors, memory and baseline to the volume; {} are known",
        known.join(", ")
    ))
}

fn small_instance(
    environment: &Document<EnvironmentSpec>,
    instance: &Instance,
) -> Option<Diagnostic> {
    if instance.processors >= PROCESSORS && instance.memory >= MEMORY {
        return None;
    }
    let message = format!(
        "{} has {} vCPU and {}; production starts at {PROCESSORS} and {MEMORY}",
        instance.name, instance.processors, instance.memory
    );
    let lint = environment.lint("small-instance", "provider.aws.instance_type", message);
    let enough = INSTANCES.iter().find(|i| i.processors >= PROCESSORS && i.memory >= MEMORY)?;
    Some(lint.help(format!("take {} or larger, or measure your own load first", enough.name)))
}

/// Memory streams live in the heap that the collector is told to keep small.
fn memory(environment: &Document<EnvironmentSpec>, instance: &Instance) -> Option<Diagnostic> {
    let max_memory = environment.spec.nats.jetstream.max_memory;
    let limit = instance.memory.bytes() / 100 * MEMORY_LIMIT_PERCENT;
    if max_memory.bytes() <= limit / 2 {
        return None;
    }
    let message = format!(
        "max_memory is {max_memory}; a server may use {} of the {} of {}",
        ByteSize::new(limit).rounded(),
        instance.memory,
        instance.name
    );
    let lint = environment.lint("memory-overcommitted", "nats.jetstream.max_memory", message);
    Some(lint.help(format!(
        "leave half of that to connections and caches: at most {}",
        ByteSize::new(limit / 2).rounded()
    )))
}

fn throughput(
    environment: &Document<EnvironmentSpec>,
    aws: &AwsSpec,
    instance: &Instance,
) -> Option<Diagnostic> {
    let asked = aws.volume.throughput.bytes_per_second();
    if asked <= instance.throughput {
        return None;
    }
    let message = format!(
        "the volume has {}/s, and {} sustains {}/s",
        ByteSize::new(asked).rounded(),
        instance.name,
        ByteSize::new(instance.throughput).rounded()
    );
    let path = "provider.aws.volume.throughput";
    let enough = INSTANCES.iter().find(|instance| instance.throughput >= asked);
    Some(environment.lint("volume-beyond-instance", path, message).help(remedy(enough)))
}

fn operations(
    environment: &Document<EnvironmentSpec>,
    aws: &AwsSpec,
    instance: &Instance,
) -> Option<Diagnostic> {
    let asked = aws.volume.iops;
    if asked <= instance.operations {
        return None;
    }
    let message = format!(
        "the volume has {asked} operations per second, and {} sustains {}",
        instance.name, instance.operations
    );
    let path = "provider.aws.volume.iops";
    let enough = INSTANCES.iter().find(|instance| instance.operations >= asked);
    Some(environment.lint("volume-beyond-instance", path, message).help(remedy(enough)))
}

fn remedy(enough: Option<&Instance>) -> String {
    let larger = enough.map_or(String::new(), |instance| format!(", or take {}", instance.name));
    format!(
        "reckon with the instance's figure: what a volume has beyond it is paid for and idle{larger}"
    )
}
