//! The reader takes what XML 1.0 with namespaces is, refuses everything else, and makes the tree that XPath sees.

use edi_rule_engine::document::Document;
use edi_rule_engine::xml::{parse, Limits};

fn read(source: &str) -> Document {
    parse(source.as_bytes(), true, Limits::default()).unwrap_or_else(|refusal| panic!("{source}: {refusal:?}"))
}

fn refused(source: &[u8]) -> &'static str {
    parse(source, true, Limits::default()).expect_err("to be refused").what
}

/// Every node as `name=string value`, attributes with `@`, texts with `#`.
fn told(source: &str) -> Vec<String> {
    let document = read(source);
    (1..document.nodes.len() as u32)
        .map(|id| {
            let (node, value) = (document.node(id), document.string_value(id));
            let name = document.name(id).map_or("", |name| &name.key);
            let mark = if node.is_attribute() {
                "@"
            } else if node.is_element() {
                ""
            } else {
                "#"
            };
            format!("{mark}{name}={value}")
        })
        .collect()
}

#[test]
fn a_string_value_is_all_text_below() {
    assert_eq!(told("<a>x<b c='1'>y</b><d/>z</a>"), ["{}a=xyz", "#=x", "{}b=y", "@{}c=1", "#=y", "{}d=", "#=z"]);
}

#[test]
fn namespaces_are_those_in_force() {
    let nested = "<p:a xmlns:p='u' xmlns='d'><b p:c='1' c='2' xml:lang='fr'/><p:a xmlns:p='v'/><b xmlns=''/></p:a>";
    let xml = "{http://www.w3.org/XML/1998/namespace}lang";
    assert_eq!(told(nested), ["{u}a=", "{d}b=", "@{u}c=1", "@{}c=2", &format!("@{xml}=fr"), "{v}a=", "{}b="]);
    for wrong in ["<p:a/>", "<a p:b=''/>", "<a xmlns:p=''/>", "<a xmlns:xmlns='u'/>", "<a xmlns:xml='u'/>", "<a:b:c xmlns:a='u'/>", "<:a/>"]
    {
        refused(wrong.as_bytes());
    }
    assert_eq!(refused(b"<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>"), "an attribute twice");
}

#[test]
fn references_line_ends_and_cdata_become_characters() {
    assert_eq!(told("<a>&lt;&#65;&#x1F600;&amp;\r\n\r<![CDATA[<&]]>]</a>")[1], "#=<A😀&\n\n<&]");
    assert_eq!(told("<a b='x\t\r\n y&#10;&quot;'/>")[1], "@{}b=x   y\n\"");
    for wrong in ["<a>&nbsp;</a>", "<a>&#0;</a>", "<a>&#xD800;</a>", "<a>&lt</a>", "<a>&;</a>", "<a>& </a>", "<a>]]></a>", "<a b='<'/>"] {
        refused(wrong.as_bytes());
    }
}

#[test]
fn comments_and_instructions_part_texts_and_are_dropped() {
    assert_eq!(told("<?xml version='1.0'?><!-- - --><?pi x?><a>x<!---->y<?p?>z</a><!--c-->"), ["{}a=xyz", "#=x", "#=y", "#=z"]);
    for wrong in
        ["<a><!-- -- --></a>", "<a><!-- --->", "<a><?xml x?></a>", "<a><?p:q?></a>", " <?xml version='1.0'?><a/>", "<a/>x", "x<a/>"]
    {
        refused(wrong.as_bytes());
    }
}

#[test]
fn what_is_no_document_is_refused() {
    for wrong in
        ["", "<a>", "<a></b>", "<a/><b/>", "<a", "<a b/>", "<a b=c/>", "<a b='1'c='2'/>", "<a b='1' b='2'/>", "<1/>", "< a/>", "<a></a b>"]
    {
        refused(wrong.as_bytes());
    }
    assert_eq!(refused(b"<!DOCTYPE a><a/>"), "DOCTYPE");
    assert_eq!(refused(b"<a>\xff</a>"), "not UTF-8");
    assert_eq!(refused("<a>\u{1}</a>".as_bytes()), "a character XML does not allow");
    assert_eq!(refused("<a>\u{FFFE}</a>".as_bytes()), "a character XML does not allow");
    for wrong in ["<?xml?><a/>", "<?xml version='2.0'?><a/>", "<?xml encoding='UTF-8'?><a/>", "<?xml version='1.0' standalone='x'?><a/>"] {
        refused(wrong.as_bytes());
    }
}

#[test]
fn limits_are_told_apart_from_faults() {
    let limits = |depth, nodes, size| Limits { depth, nodes, size };
    for (limits, wanted) in [(limits(2, 9, 99), "levels"), (limits(9, 3, 99), "nodes"), (limits(9, 9, 9), "large")] {
        let refusal = parse(b"<a><b><c/></b></a>", false, limits).expect_err("to be refused");
        assert!(refusal.is_limit && refusal.what.contains(wanted), "{refusal:?}");
    }
    assert!(parse(b"<a><b><c/></b></a>", false, limits(3, 4, 18)).is_ok());
}

#[test]
fn nodes_are_found_by_name_below_a_node() {
    let source = format!("<a><b x='1'/>{}<c><b/><b x='2'/></c></a>", "<d/>".repeat(60));
    let document = read(&source);
    let id_of = |key: &str| document.names.iter().position(|name| name.key == key).expect("the name") as u32;
    let (b, c, x) = (document.named(id_of("{}b")), document.named(id_of("{}c"))[0], id_of("{}x"));
    assert_eq!((b.len(), document.named(id_of("{}d")).len(), document.named(u32::MAX)), (3, 60, &[][..]));
    assert_eq!(document.named_below(c, id_of("{}b")), &b[1..]);
    assert_eq!(document.attributes_below(c, x), &[b[2] + 1]);
    let wide: Vec<u32> = document.wide_children(1, id_of("{}d")).expect("many children").iter().map(|(_, id)| *id).collect();
    assert_eq!(wide, document.named(id_of("{}d")));
    assert_eq!(document.wide_children(c, id_of("{}b")), None);
}
