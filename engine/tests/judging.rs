//! Packs are loaded or refused by name; rules are found as XSLT finds templates; findings come in the official order.

use edi_rule_engine::document::Document;
use edi_rule_engine::findings::told;
use edi_rule_engine::judge::judge;
use edi_rule_engine::load::load;
use edi_rule_engine::xml::{parse, Limits};

/// A rule: the name it matches, where its walk goes, and its assertions as JSON.
fn rule(name: usize, visits: &str, assertions: &str) -> String {
    let matched = format!(r#"{{"axis":"child","test":["name",{name}],"predicates":[],"before":[],"rooted":false}}"#);
    let body = format!(r#"{{"lets":[],"assertions":[{assertions}]}}"#).replace('\\', "\\\\").replace('"', "\\\"");
    format!(r#"{{"match":[{matched}],"visits":"{visits}","body":"{body}"}}"#)
}

fn report(id: &str, test: &str) -> String {
    format!(r#"{{"id":"{id}","flag":"warning","report":true,"test":{test},"message":["is ",["context"]],"needs":[]}}"#)
}

/// A pack of the names a, b, c, one pattern of these rules each.
fn pack(patterns: &[String]) -> String {
    let patterns: Vec<String> = patterns.iter().map(|rules| format!(r#"{{"visits":"*","rules":[{rules}]}}"#)).collect();
    format!(r#"{{"names":[["","a"],["","b"],["","c"]],"slots":4,"patterns":[{}]}}"#, patterns.join(","))
}

fn document(source: &str) -> Document {
    parse(source.as_bytes(), true, Limits::default()).expect("a document")
}

/// `rule location` of each finding, `?` and the reason for what cannot be evaluated.
fn found(pack: &str, source: &str) -> Vec<String> {
    let (pack, document) = (load(pack).expect("a pack"), document(source));
    let findings = judge(&document, &pack, None).expect("an answer");
    let records = told(&document, &findings);
    let fields = |record: &str| record.split('\u{1F}').map(str::to_owned).collect::<Vec<_>>();
    records.split_terminator('\u{1E}').map(fields).map(|f| format!("{} {} {}", f[0], f[4], f[6]).trim_end().to_owned()).collect()
}

#[test]
fn a_finding_says_where_it_stands() {
    let pack = load(&pack(&[rule(1, "*", &report("R", r#"["true"]"#))])).expect("a pack");
    let document = document("<a>\n <p:x xmlns:p='u'/> é<b>1</b>\r\n<b>2</b></a>");
    let findings = judge(&document, &pack, None).expect("an answer");
    assert_eq!(
        told(&document, &findings).replace('\u{1F}', ";").replace('\u{1E}', "\n"),
        "R;warning;2;22;/a/b[1];is 1;\nR;warning;3;1;/a/b[2];is 2;\n"
    );
}

#[test]
fn patterns_come_in_order_and_of_each_the_first_rule_that_matches() {
    let fires = |id: &str| report(id, r#"["true"]"#);
    let first = [rule(1, "*", &fires("B")), rule(1, "*", &fires("NEVER")), rule(2, "*", &fires("C"))].join(",");
    let pack = pack(&[first, rule(0, "*", &fires("A"))]);
    assert_eq!(found(&pack, "<a><c/><b/></a>"), ["C /a/c", "B /a/b", "A /a"]);
}

#[test]
fn a_rule_that_visits_nothing_ends_the_walk_below() {
    let fires = |id: &str| report(id, r#"["true"]"#);
    let rules = [rule(1, "", &fires("B")), rule(2, "*", &fires("C"))].join(",");
    assert_eq!(found(&pack(&[rules]), "<a><b><c/></b><c/></a>"), ["B /a/b", "C /a/c"]);
}

#[test]
fn what_is_kept_of_the_names_of_one_document_does_not_judge_another() {
    let rules = [rule(1, "*", &report("B", r#"["true"]"#)), rule(2, "*", &report("C", r#"["true"]"#))].join(",");
    let text = pack(&[rules]);
    let kept = load(&text).expect("a pack");
    let told_of = |source: &str| {
        let document = document(source);
        let findings = judge(&document, &kept, None).expect("an answer");
        told(&document, &findings).split_terminator('\u{1E}').map(|record| record.split('\u{1F}').next().unwrap_or("").to_owned()).collect()
    };
    let sources =
        ["<a><b/></a>", "<a><c/></a>", "<a><b/></a>", "<a b=''><c/></a>", "<a c=''><b/></a>", "<b><c/><a/></b>", "<a><b/><c/></a>"];
    for source in sources {
        let fresh: Vec<String> = found(&text, source).iter().map(|said| said.split(' ').next().unwrap_or("").to_owned()).collect();
        let after_others: Vec<String> = told_of(source);
        assert_eq!(after_others, fresh, "{source}");
    }
}

#[test]
fn what_cannot_be_evaluated_is_told_and_the_others_go_on() {
    let sum = r#"["compare","=",["cast","decimal",true,["context"]],["integer","1"]]"#;
    let pack = pack(&[rule(1, "*", &[report("SUM", sum), report("YES", r#"["true"]"#)].join(","))]);
    assert_eq!(
        found(&pack, "<a><b>x</b><b>1.0</b></a>"),
        ["SUM /a/b[1] FORG0001: 'x' is no decimal number", "YES /a/b[1]", "SUM /a/b[2]", "YES /a/b[2]"]
    );
}

#[test]
fn a_memo_is_evaluated_for_the_document_and_a_note_for_its_node() {
    let all = r#"["compare",">",["call","count",[["memo",2,["path",["root"],false,[["descendant",["name",1],[]]]]]]],["integer","1"]]"#;
    let own = r#"["compare","=",["noted",3,["call","normalize-space",[["context"]]]],["string","x"]]"#;
    let pack = pack(&[rule(1, "*", &[report("MANY", all), report("X", own), report("X2", own)].join(","))]);
    assert_eq!(found(&pack, "<a><b> x</b><b>y</b></a>"), ["MANY /a/b[1]", "X /a/b[1]", "X2 /a/b[1]", "MANY /a/b[2]"]);
}

#[test]
fn an_evaluation_that_takes_too_long_is_stopped() {
    let mut test = r#"["true"]"#.to_owned();
    for slot in 0..4 {
        test = format!(r#"["every",{slot},["path",["root"],false,[["descendant",["name",1],[]]]],{test}]"#);
    }
    let pack = load(&pack(&[rule(0, "*", &report("LONG", &test))])).expect("a pack");
    let document = document(&format!("<a>{}</a>", "<b/>".repeat(1_000)));
    let fault = judge(&document, &pack, Some(std::time::Instant::now())).expect_err("no answer");
    assert_eq!(fault.code(), "TIME");
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let asked = |test: &str| load(&pack(&[rule(1, "*", &report("R", test))])).map(|_| ()).expect_err("to be refused");
    for (test, said) in [
        (r#"["ranges",1]"#, "the form is not known"),
        (r#"["call","position",[]]"#, "position()"),
        (r#"["call","matches",[["context"],["string","\\p{L}"]]]"#, "`\\p`"),
        (r#"["call","matches",[["context"],["context"]]]"#, "a computed pattern"),
        (r#"["path",null,false,[["namespace",["any"],[]]]]"#, "the axis"),
        (r#"["path",null,false,[["child",["name",9],[]]]]"#, "the name"),
        (r#"["variable",9,"any",true]"#, "the slot"),
        (r#"["arithmetic","**",["context"],["context"]]"#, "the operator"),
        (r#"["cast","dateTime",true,["context"]]"#, "the type"),
    ] {
        assert!(asked(test).contains(said), "{test}: {}", asked(test));
    }
    assert!(load("{").is_err() && load("{}").is_err());
    assert!(load(&pack(&[rule(1, "following::*", "")])).expect_err("to be refused").contains("the walk"));
}

#[test]
fn expressions_without_end_are_refused() {
    let deep = format!("{}[\"true\"]{}", "[\"negative\",".repeat(300), "]".repeat(300));
    assert!(load(&pack(&[rule(1, "*", &report("R", &deep))])).is_err());
}
