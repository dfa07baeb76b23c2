//! Signing tokens, against raw Ed25519 signatures of as many bytes.

use std::time::{Duration, Instant};

use natsops::jwt::{Claims, UserBody, sign};
use natsops::secrets::{Entropy as _, KeyName, OsEntropy};

const TOKENS: u32 = 10_000;

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
    let begin = Instant::now();
    let mut token = String::new();
    for _ in 0..TOKENS {
        token = sign(claims.clone(), &signer.secret).unwrap();
    }
    let ours = begin.elapsed();
    let key = nkeys::KeyPair::from_seed(signer.secret.expose()).unwrap();
    let text = token.rsplit_once('.').unwrap().0.as_bytes();
    let begin = Instant::now();
    for _ in 0..TOKENS {
        std::hint::black_box(key.sign(std::hint::black_box(text)).unwrap());
    }
    let raw = begin.elapsed();
    let rate = |elapsed: Duration| f64::from(TOKENS) / elapsed.as_secs_f64();
    println!(
        "sign: {:.0} tokens/s, raw Ed25519 {:.0}/s, {:.0} % of it",
        rate(ours),
        rate(raw),
        100.0 * rate(ours) / rate(raw)
    );
}
