use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn text(dir: &Path, path: &str) -> String {
    fs::read_to_string(dir.join(path)).unwrap()
}

#[test]
fn each_user_has_a_password_and_the_servers_know_them() {
    let dir = tempfile::tempdir().unwrap();
    let said = write_missing(dir.path()).unwrap();
    let mut different = BTreeSet::new();
    for (folder, file) in PASSWORDS {
        let path = dir.path().join(folder).join(file);
        let password = text(dir.path(), &format!("{folder}/{file}")).trim().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
        assert!(password.len() == 2 * LENGTH + 1 && password.starts_with('p'), "{password}");
        assert!(!said.contains(&password), "a password is never said");
        different.insert(password);
    }
    assert_eq!(different.len(), PASSWORDS.len());
    let (nats, redis) = (text(dir.path(), "nats-server/passwords.conf"), text(dir.path(), "redis-server/users.acl"));
    let mailer = text(dir.path(), "nats-mailer/password");
    assert!(nats.contains(&format!("\nOTP_NATS_MAILER_PASSWORD: \"{}\"\n", mailer.trim())), "{nats}");
    assert!(different.iter().all(|password| !redis.contains(password)), "Redis is given hashes");
    let hash = HEXLOWER.encode(&Sha256::digest(text(dir.path(), "redis-gateway/password").trim()));
    assert!(redis.contains(&format!("\nuser gateway on #{hash} resetchannels ~otp:* -@all ")), "{redis}");
    assert!(redis.lines().all(|line| line.starts_with("user ")) && !redis.contains("PASSWORD"), "{redis}");
}

#[test]
fn passwords_stay_and_the_servers_files_follow_them() {
    let dir = tempfile::tempdir().unwrap();
    let write = || write_missing(dir.path()).unwrap() + &write_routes(dir.path(), &["one:6222", "two:6222"]).unwrap();
    write();
    let files = ["nats-server/passwords.conf", "nats-server/routes.conf", "redis-server/users.acl"];
    let first = files.map(|file| text(dir.path(), file));
    let again = write();
    assert!(!again.contains(" written: "), "{again}");
    assert_eq!(files.map(|file| text(dir.path(), file)), first);
    let route = text(dir.path(), "nats-server/route");
    assert!(first[1].contains(&format!("\"nats://route:{}@two:6222\"\n", route.trim())), "{}", first[1]);

    fs::remove_file(dir.path().join("nats-gateway/password")).unwrap();
    write_missing(dir.path()).unwrap();
    let fresh = text(dir.path(), "nats-gateway/password");
    assert_ne!(text(dir.path(), files[0]), first[0]);
    assert!(text(dir.path(), files[0]).contains(fresh.trim()), "the server learns the new one");
    assert_eq!(text(dir.path(), files[2]), first[2]);
    let drafts = fs::read_dir(dir.path().join("nats-server")).unwrap();
    assert_eq!(drafts.count(), 3, "no draft stays");
}

/// What a script calls beyond this is refused while it runs, with part of it done.
#[test]
fn the_gateway_may_call_in_redis_what_it_calls_and_nothing_else() {
    let line = REDIS_USERS.lines().find(|line| line.starts_with("user gateway ")).unwrap();
    let may: BTreeSet<String> = line.split(' ').filter_map(|word| word.strip_prefix('+')).map(str::to_owned).collect();
    // What it sends itself: scripts, health checks, and how it finds a master or a slot's owner.
    let mut calls: BTreeSet<String> =
        ["eval", "evalsha", "ping", "set", "role", "cluster|slots", "asking"].map(str::to_owned).into();
    let scripts = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/scripts")).unwrap();
    for script in scripts {
        let script = fs::read_to_string(script.unwrap().path()).unwrap();
        for call in script.split("redis.").skip(1) {
            let quoted = call.strip_prefix("call('").or_else(|| call.strip_prefix("pcall('"));
            let quoted = quoted.unwrap_or_else(|| panic!("what does redis.{call:.30} need?"));
            calls.insert(quoted.split('\'').next().unwrap().to_lowercase());
        }
    }
    assert_eq!(may, calls, "gateway/src/keys/users.acl names what the scripts call");
}
