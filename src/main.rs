fn main() {
    let a: Vec<String> = std::env::args().collect();
    let l = natsops::environment::load(std::path::Path::new("."), &a[1], &natsops::environment::Addresses{local_network:[127,0,0]}).unwrap();
    print!("{}", l.diagnostics.text());
    println!("{:?}", l.cluster.map(|c| (c.services.len(), c.streams.len())));
}
