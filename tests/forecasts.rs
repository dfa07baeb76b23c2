//! What a plan of production takes and costs, as the program says it without asking anybody.

use serde_json::Value;

use crate::support::Project;

fn forecast(project: &Project) -> Value {
    let plan = project.run(&["plan", "prod", "--offline", "--json"]).expect(0).json();
    plan["forecast"].clone()
}

/// What one line costs after an apply.
fn amount<'a>(forecast: &'a Value, item: &str) -> &'a str {
    let lines = forecast["cost"]["priced"]["lines"].as_array().unwrap();
    let line = lines.iter().find(|line| line["item"] == item);
    line.unwrap_or_else(|| panic!("{lines:#?}"))["after"]["amount"].as_str().unwrap()
}

#[test]
fn the_decided_cluster_is_priced_to_the_cent() {
    let forecast = forecast(&Project::new());
    let cost = &forecast["cost"]["priced"];
    assert_eq!((&cost["before"], &cost["after"]), (&"0.00".into(), &"1478.61".into()));
    assert_eq!(cost["unpriced"].as_array().unwrap().len(), 0);
    assert_eq!(amount(&forecast, "cache.r6g.large of redis"), "902.28");
    assert_eq!(amount(&forecast, "instance m6i.large"), "350.40");
}

#[test]
fn another_type_costs_what_its_hours_cost() {
    let project = Project::new();
    project.edit("prod.yaml", "instance_type: m6i.large", "instance_type: m6i.xlarge");
    let forecast = forecast(&project);
    assert_eq!(amount(&forecast, "instance m6i.xlarge"), "700.80");
    assert_eq!(forecast["cost"]["priced"]["after"], "1829.01");
}

#[test]
fn the_cache_dominates_the_first_apply() {
    let forecast = forecast(&Project::new());
    let chain = forecast["duration"]["chain"].as_array().unwrap();
    let longest = chain.iter().max_by_key(|step| step["seconds"].as_u64()).unwrap();
    assert_eq!(longest["kind"], "replication-group");
    let sum: u64 = chain.iter().map(|step| step["seconds"].as_u64().unwrap()).sum();
    assert_eq!(forecast["duration"]["seconds"], sum);
}

#[test]
fn where_no_prices_are_known_the_plan_goes_on() {
    let project = Project::new();
    let path = project.path().join("environments/prod.yaml");
    let text = std::fs::read_to_string(&path).unwrap().replace("us-east-1", "eu-north-1");
    std::fs::write(path, text).unwrap();
    assert_eq!(forecast(&project)["cost"]["no-prices"], "eu-north-1");
    let plan = project.run(&["plan", "prod", "--offline"]).expect(0);
    assert!(plan.stdout.contains(" costs: no prices for eu-north-1\n"), "{}", plan.stdout);
}

#[test]
fn a_comment_says_what_the_terminal_says() {
    let project = Project::new();
    let words = project.run(&["plan", "prod", "--offline"]).expect(0).stdout;
    let comment = project.run(&["plan", "prod", "--offline", "--markdown"]).expect(0).stdout;
    for title in
        ["storage and keys", "network", "access", "cache", "nodes", "load balancer", "names"]
    {
        assert!(words.lines().any(|line| line == title), "{words}");
        assert!(comment.contains(&format!("<b>{title}</b>")), "{comment}");
    }
    let totals = words.lines().find_map(|line| line.strip_prefix("Plan: ")).unwrap();
    assert!(comment.contains(&format!("**Plan: {totals}**")), "{comment}");
    assert!(!words.contains('\u{1b}') && !comment.contains('\u{1b}'));
    project.run(&["plan", "prod", "--offline", "--markdown", "--json"]).expect(64);
}
