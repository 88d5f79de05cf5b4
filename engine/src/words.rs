//! The words of a pack's intermediate form: signs, operators, types, axes, functions. What is not among them is refused by name.

use crate::expression::{Axis, Function, Operator, Sign, Type};
use crate::json::Json;
use crate::load::{text, unknown, Loaded};
use crate::pack::Visits;

/// Where a walk goes, as an XSLT `select`.
pub(crate) fn visits(form: &Json) -> Loaded<Visits> {
    let select = text(form)?;
    let parts: Vec<&str> = select.split('|').map(str::trim).collect();
    let known = ["@*", "*", "comment()", "processing-instruction()", "text()", "node()", ""];
    if !parts.iter().all(|part| known.contains(part)) {
        return unknown("the walk", form);
    }
    Ok(Visits { attributes: parts.contains(&"@*"), elements: parts.contains(&"*") || parts.contains(&"node()") })
}

pub(crate) fn sign(form: &Json) -> Loaded<Sign> {
    Ok(match text(form)? {
        "=" => Sign::Equal,
        "!=" => Sign::Unequal,
        "<" => Sign::Less,
        "<=" => Sign::LessOrEqual,
        ">" => Sign::Greater,
        ">=" => Sign::GreaterOrEqual,
        _ => return unknown("the comparison", form),
    })
}

pub(crate) fn operator(form: &Json) -> Loaded<Operator> {
    Ok(match text(form)? {
        "+" => Operator::Plus,
        "-" => Operator::Minus,
        "*" => Operator::Times,
        "div" => Operator::Divided,
        "idiv" => Operator::WholeDivided,
        "mod" => Operator::Modulo,
        _ => return unknown("the operator", form),
    })
}

pub(crate) fn atomic(form: &Json) -> Loaded<Type> {
    Ok(match text(form)? {
        "string" => Type::String,
        "boolean" => Type::Boolean,
        "integer" => Type::Integer,
        "decimal" => Type::Decimal,
        "double" => Type::Double,
        "date" => Type::Date,
        "item" => Type::Item,
        "node" => Type::Node,
        _ => return unknown("the type", form),
    })
}

pub(crate) fn axis(name: &str) -> Loaded<Axis> {
    Ok(match name {
        "child" => Axis::Child,
        "attribute" => Axis::Attribute,
        "attribute-below" => Axis::AttributeBelow,
        "self" => Axis::Itself,
        "parent" => Axis::Parent,
        "descendant" => Axis::Descendant,
        "descendant-or-self" => Axis::DescendantOrSelf,
        "ancestor" => Axis::Ancestor,
        "ancestor-or-self" => Axis::AncestorOrSelf,
        "following-sibling" => Axis::FollowingSibling,
        "preceding-sibling" => Axis::PrecedingSibling,
        "following" => Axis::Following,
        "preceding" => Axis::Preceding,
        _ => return Err(format!("the axis is not known: {name}")),
    })
}

pub(crate) fn function(name: &str) -> Loaded<Function> {
    Ok(match name {
        "abs" => Function::Abs,
        "boolean" => Function::Boolean,
        "ceiling" => Function::Ceiling,
        "concat" => Function::Concat,
        "contains" => Function::Contains,
        "count" => Function::Count,
        "data" => Function::Data,
        "distinct-values" => Function::DistinctValues,
        "empty" => Function::Empty,
        "ends-with" => Function::EndsWith,
        "exists" => Function::Exists,
        "floor" => Function::Floor,
        "local-name" => Function::LocalName,
        "lower-case" => Function::LowerCase,
        "name" => Function::Name,
        "namespace-uri" => Function::NamespaceUri,
        "normalize-space" => Function::NormalizeSpace,
        "not" => Function::Not,
        "number" => Function::Number,
        "round" => Function::Round,
        "starts-with" => Function::StartsWith,
        "string" => Function::String,
        "string-join" => Function::StringJoin,
        "string-length" => Function::StringLength,
        "substring" => Function::Substring,
        "substring-after" => Function::SubstringAfter,
        "substring-before" => Function::SubstringBefore,
        "sum" => Function::Sum,
        "translate" => Function::Translate,
        "upper-case" => Function::UpperCase,
        _ => return Err(format!("the function is not known: {name}()")),
    })
}
