//! `KEY_SET_URL ISSUER AUDIENCE PURPOSE [COOLDOWN_S]`: a token a line in, its address or a refusal a line out.

use std::io::{BufRead, stdin};
use std::time::Duration;

use distotp_proof_example::{Refused, Verifier};

fn main() -> Result<(), Refused> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, issuer, audience, purpose, cooldown @ ..] = arguments.as_slice() else {
        return Err("KEY_SET_URL ISSUER AUDIENCE PURPOSE [COOLDOWN_S]".into());
    };
    let cooldown = cooldown.first().map_or(Ok(30.0), |text| text.parse())?;
    let verifier = Verifier::new(url, issuer, audience, Duration::from_secs_f64(cooldown));
    for token in stdin().lock().lines() {
        match verifier.verify(&token?, purpose) {
            Ok(claims) => println!("ok {}", claims.sub),
            Err(error) => println!("refused {}", error.to_string().replace('\n', " ")),
        }
    }
    Ok(())
}
