use super::*;

fn parse(text: &str) -> Topology {
    RedisUrl::parse(text).unwrap_or_else(|why| panic!("{text}: {why}")).0
}

fn shown(server: &ConnectionInfo) -> String {
    let settings = server.redis_settings();
    let login = format!("{}:{}", settings.username().unwrap_or("-"), settings.password().unwrap_or("-"));
    let nodelay = if server.tcp_settings().nodelay() { " nodelay" } else { "" };
    format!("{login}@{}/{}{nodelay}", server.addr(), settings.db())
}

fn all(servers: &[ConnectionInfo]) -> Vec<String> {
    servers.iter().map(shown).collect()
}

#[test]
fn one_server() {
    for (url, expected) in [
        ("redis://127.0.0.1", "-:-@127.0.0.1:6379/0 nodelay"),
        ("redis://user:p%40ss@redis:7000/2", "user:p@ss@redis:7000/2 nodelay"),
        ("rediss://redis:7000", "-:-@redis:7000/0 nodelay"),
        ("unix:///run/redis.sock", "-:-@/run/redis.sock/0"),
    ] {
        let Topology::Single(server) = parse(url) else { panic!("{url}") };
        assert_eq!(shown(&server), expected, "{url}");
        assert_eq!(matches!(server.addr(), ConnectionAddr::TcpTls { .. }), url.starts_with("rediss"), "{url}");
    }
}

#[test]
fn sentinels_have_a_master_and_a_login_of_their_own() {
    let url = "redis-sentinel://app:secret@s1,s2:5000,[::1]:5001/otp/3?sentinel=watch:other";
    let Topology::Sentinel { sentinels, master, server } = parse(url) else { panic!("{url}") };
    let expected =
        ["watch:other@s1:26379/0 nodelay", "watch:other@s2:5000/0 nodelay", "watch:other@::1:5001/0 nodelay"];
    assert_eq!(all(&sentinels), expected);
    assert_eq!(master, "otp");
    assert_eq!(shown(&moved(&server, "10.0.0.1", 6380)), "app:secret@10.0.0.1:6380/3 nodelay");
    let Topology::Sentinel { server, .. } = parse("rediss-sentinel://s1/otp") else { panic!() };
    assert!(matches!(moved(&server, "r1", 1).addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
}

#[test]
fn clusters_are_found_through_several_servers() {
    let Topology::Cluster { seeds, server } = parse("redis-cluster://app:secret@r1:7000,r2") else { panic!() };
    assert_eq!(seeds, [("r1".to_owned(), 7000), ("r2".to_owned(), 6379)]);
    assert_eq!(shown(&moved(&server, "r3", 1)), "app:secret@r3:1/0 nodelay");
}

#[test]
fn what_is_wrong_is_said_without_the_value() {
    let many = format!("redis-cluster://{}secret", "h,".repeat(16));
    for bad in [
        "secret",
        "http://secret:1",
        "redis://secret:port",
        "redis://secret/db",
        "rediss://secret#insecure",
        "redis-sentinel://secret:1",
        "redis-sentinel://secret:1/",
        "redis-sentinel://secret:1/otp/x",
        "redis-sentinel://secret:1/otp/0/more",
        "redis-sentinel://h:1/otp?password=secret",
        "redis-sentinel://h:1/otp?sentinel=secret&db=1",
        "redis-cluster://secret:1,,h:2",
        "redis-cluster://secret:1/1",
        &many,
    ] {
        let why = RedisUrl::parse(bad).expect_err(bad);
        assert!(!why.contains("secret"), "{bad}: {why}");
    }
    assert!(!format!("{:?}", RedisUrl::parse("redis://user:secret@h").unwrap()).contains("secret"));
}
