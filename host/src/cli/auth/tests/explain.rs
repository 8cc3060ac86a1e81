//! `explain`: who, where, and why not.

use super::*;

const CONFIG: &str = r#"
accounts {
  SHOP {
    users: [{ user: shop, password: p, permissions: { publish: { allow: ["order.>", "ask.>", "old.*"], deny: "order.secret" } } }]
    exports: [{ stream: "order.>" }]
    imports: [{ service: { account: STOCK, subject: "count.*" }, to: "ask.*" }]
    mappings: { "old.*": [{ destination: "order.old.$1", weight: 70 }, { destination: "order.new.$1", weight: 30 }] }
  }
  STOCK {
    users: [{ user: stock, password: "$2a$04$abcdefghijklmnopqrstuu0IW6TsD.ltswA2qNb/gSLIg6DlPpsYq" }]
    exports: [{ service: "count.*" }]
    imports: [{ stream: { account: SHOP, subject: "order.new.*" }, prefix: shop }]
  }
}
"#;

fn explained(words: &str) -> String {
    let file = fresh();
    fs::write(&file, CONFIG).unwrap();
    let said = said(&format!("explain --config {} {words}", file.display()));
    fs::remove_file(&file).unwrap();
    said
}

#[test]
fn a_publication_is_followed_through_mappings_permissions_and_imports() {
    assert_eq!(
        explained("--user shop --pub order.secret --pub old.7 --pub ask.9 --pub other"),
        concat!(
            "let in as shop of account SHOP, with permissions\n",
            "PUB order.secret\n",
            "  order.secret is refused: the deny list has \"order.secret\"\n",
            "PUB old.7\n",
            "  70 % of old.7 become order.old.7 (mapping)\n",
            "  30 % of old.7 become order.new.7 (mapping)\n",
            "  goes to who subscribes to order.old.7 in account SHOP\n",
            "  goes to who subscribes to order.new.7 in account SHOP\n",
            "  is heard as shop.order.new.7 in account STOCK (stream import)\n",
            "PUB ask.9\n",
            "  goes to who subscribes to ask.9 in account SHOP\n",
            "  goes on as count.9 in account STOCK (service import)\n",
            "  goes to who subscribes to count.9 in account STOCK\n",
            "PUB other\n",
            "  other is refused: no entry of the allow list fits it\n",
        )
    );
}

#[test]
fn a_subscription_is_told_what_it_gets() {
    assert_eq!(
        explained("--user stock --sub shop.> --sub a..b --queue q"),
        concat!(
            "let in as stock of account STOCK, without permissions\n",
            "SUB shop.> q\n",
            "  gets what is published to shop.> in account STOCK\n",
            "  ... and to order.new.* in account SHOP (stream import)\n",
            "SUB a..b q\n",
            "  the subject is not valid: nothing could match it\n",
        )
    );
}

#[test]
fn who_is_refused_is_told_by_what() {
    assert_eq!(explained("--user nobody"), "refused by users: no user has this name\n");
    let nothing = "refused by end of chain: nothing that any way in asks for was shown\n";
    assert_eq!(explained(""), nothing);
    assert_eq!(
        refused("explain --config /nope.conf"),
        "reading the configuration: open /nope.conf: no such file or directory"
    );
}
