//! Signing tokens on all cores, against raw Ed25519 signatures of as many bytes on all cores.

use std::time::{Duration, Instant};

use natsops::artifacts::on_all_cores;
use natsops::jwt::{Claims, Signer, UserBody};
use natsops::secrets::{Entropy as _, KeyName, OsEntropy};

const TOKENS: u32 = 40_000;

pub fn measure() {
    let now = jiff::Timestamp::now();
    let signer = OsEntropy.make(&KeyName::role("GAME", "any"), now);
    let account = OsEntropy.make(&KeyName::account("GAME"), now).entry.public;
    let claims = Claims {
        exp: None,
        jti: String::new(),
        iat: now.as_second(),
        iss: signer.entry.public.clone(),
        name: "quest-generator".to_owned(),
        sub: OsEntropy.make(&KeyName::user(&"any".parse().unwrap()), now).entry.public,
        nats: UserBody::scoped(account),
    };
    let numbers: Vec<u32> = (0..TOKENS).collect();
    let own = Signer::new(&signer.secret).unwrap();
    let begin = Instant::now();
    let tokens = on_all_cores(&numbers, |_| own.sign(claims.clone()).unwrap());
    let ours = begin.elapsed();
    let key = nkeys::KeyPair::from_seed(signer.secret.expose()).unwrap();
    let text = tokens[0].rsplit_once('.').unwrap().0.as_bytes();
    let begin = Instant::now();
    on_all_cores(&numbers, |_| key.sign(std::hint::black_box(text)).unwrap());
    let raw = begin.elapsed();
    let rate = |elapsed: Duration| f64::from(TOKENS) / elapsed.as_secs_f64();
    println!(
        "sign, on {} cores: {:.0} tokens/s, raw Ed25519 {:.0}/s, ratio {:.2}",
        std::thread::available_parallelism().unwrap(),
        rate(ours),
        rate(raw),
        rate(ours) / rate(raw)
    );
}
