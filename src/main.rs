use natsops::{artifacts::*, secrets::*};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let l = natsops::environment::load(std::path::Path::new("."), &a[1], &natsops::environment::Addresses{local_network:[127,0,0]}).unwrap();
    print!("{}", l.diagnostics.text());
    let c = l.cluster.unwrap();
    let out = std::path::PathBuf::from(&a[2]);
    let store = SealedDirectory::new(out.join("secrets"), out.join("identity"), &[]);
    let t = std::time::Instant::now();
    let now = jiff::Timestamp::now();
    let index = store.index().unwrap();
    let ch = issue(&c, &index, &store, &StandIn::new("x"), now, &Newer::new()).unwrap();
    eprintln!("issued {:?}", t.elapsed());
    let index = store.commit(index.generation, ch).unwrap();
    eprintln!("commit {:?}", t.elapsed());
    let r = review(&c, &index, now, &Newer::new());
    eprintln!("review {:?} empty={} {:?}", t.elapsed(), r.is_empty(), r.changes().take(3).collect::<Vec<_>>());
    for n in &c.nodes {
        let p = prepare_node(&c, n, &index).unwrap();
        println!("{} {}", n.name, p.tree.digest());
        let b = bundle(&p, n, &index, store.open(&KeyName::node(&n.name)).unwrap());
        for f in b.files { let path = out.join(n.name.as_str()).join(&f.path); std::fs::create_dir_all(path.parent().unwrap()).unwrap();
          match f.content { Content::Public(t) => std::fs::write(path, t).unwrap(), Content::Secret(s) => std::fs::write(path, s.expose()).unwrap() } }
    }
    eprintln!("all {:?}", t.elapsed());
}
