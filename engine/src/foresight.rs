//! What can be known of an expression before any document is seen: what may raise an error, what a path needs, what a context may match.

use crate::document::Name;
use crate::expression::{Axis, Expression, Function, Predicate, Sign, Slot, Step, Test, Type};
use crate::pack::PatternStep;

/// A general comparison.
pub(crate) fn comparison(sign: Sign, sides: Box<[Expression; 2]>) -> Expression {
    let both = sides.iter().all(is_computed_number);
    Expression::Compare(sign, both, sides)
}

fn is_computed_number(form: &Expression) -> bool {
    use Function::{Abs, Ceiling, Count, Floor, Number, Round, StringLength, Sum};
    match form {
        Expression::Decimal(_) | Expression::Double(_) | Expression::Arithmetic(..) => true,
        Expression::Negative(_) | Expression::Positive(_) => true,
        Expression::Cast(wanted, _, _) => matches!(wanted, Type::Integer | Type::Decimal | Type::Double),
        Expression::Call(function, _) => {
            matches!(function, Abs | Ceiling | Count | Floor | Number | Round | StringLength | Sum)
        }
        Expression::Let(_, parts) => is_computed_number(&parts[1]),
        _ => false,
    }
}

/// May the evaluation end in an error? Sure is only a no.
fn may_raise(form: &Expression) -> bool {
    match form {
        Expression::String(_) | Expression::Decimal(_) | Expression::Double(_) | Expression::Boolean(_) => false,
        Expression::Context | Expression::Root => false,
        Expression::Memo(_, inner) | Expression::Noted(_, inner) => may_raise(inner),
        Expression::And(sides) | Expression::Or(sides) | Expression::Union(sides) => sides.iter().any(may_raise),
        Expression::Compare(_, _, sides) => sides.iter().any(|side| may_raise(side) || !is_text_or_nodes(side)),
        Expression::Member(value, _) => may_raise(value) || !is_text_or_nodes(value),
        Expression::Path(path) => path.is_thorough || path.start.as_ref().is_some_and(may_raise),
        Expression::Call(function, arguments) => arguments.iter().any(may_raise) || !is_safe(*function, arguments),
        _ => true,
    }
}

pub(crate) fn may_raise_in(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Position(_) => false,
        Predicate::Condition(condition) => may_raise(condition),
    }
}

fn is_text_or_nodes(form: &Expression) -> bool {
    match form {
        Expression::String(_) | Expression::Path(_) | Expression::Context | Expression::Union(_) => true,
        Expression::Memo(_, inner) | Expression::Noted(_, inner) => is_text_or_nodes(inner),
        Expression::Call(function, _) => is_text_function(*function),
        _ => false,
    }
}

fn is_text_function(function: Function) -> bool {
    use Function::{LocalName, LowerCase, Name, NamespaceUri, NormalizeSpace, String, UpperCase};
    matches!(function, LocalName | LowerCase | Name | NamespaceUri | NormalizeSpace | String | UpperCase)
}

fn is_safe(function: Function, arguments: &[Expression]) -> bool {
    match function {
        Function::Not | Function::Exists | Function::Empty | Function::Boolean | Function::Count => {
            arguments.iter().all(|argument| is_text_or_nodes(argument) || !may_raise(argument))
        }
        Function::Contains | Function::StartsWith | Function::EndsWith => arguments.iter().all(is_one_text),
        function => is_text_function(function) && arguments.iter().all(is_one_text),
    }
}

fn is_one_text(form: &Expression) -> bool {
    match form {
        Expression::String(_) | Expression::Context => true,
        Expression::Call(function, _) => is_text_function(*function),
        _ => false,
    }
}

/// The name a step asks for.
pub(crate) fn name_of(step: &PatternStep) -> Option<usize> {
    match step.test {
        Test::Name(name) => Some(name),
        _ => None,
    }
}

/// May this step match an element of that name? `id` is the name's among the pack's, None when it is not there.
pub(crate) fn may_match(step: &PatternStep, id: Option<usize>, name: &Name) -> bool {
    let by_test = match &step.test {
        Test::Name(wanted) => Some(*wanted) == id,
        Test::Namespace(uri) => name.namespace() == uri.as_ref(),
        Test::Local(local) => name.local() == local.as_ref(),
        Test::Text => false,
        Test::Any | Test::Node => true,
    };
    by_test && fits_name(step, name)
}

/// Do the conditions hold that the name alone decides?
pub(crate) fn fits_name(step: &PatternStep, name: &Name) -> bool {
    step.of_name.iter().all(|condition| decided(condition, name.local()) == Some(true))
}

/// The conditions all of which must hold for this one to hold.
pub(crate) fn all_of(condition: Expression) -> Vec<Expression> {
    match condition {
        Expression::And(sides) => sides.into_iter().flat_map(all_of).collect(),
        other => vec![other],
    }
}

/// Does the name alone decide it?
pub(crate) fn is_of_name(condition: &Expression) -> bool {
    decided(condition, "").is_some()
}

/// `ends-with(name(), 'Amount')` for a local name: a prefix does not reach into a suffix without colon. None for any other condition.
fn decided(condition: &Expression, local: &str) -> Option<bool> {
    match bare(condition) {
        Expression::Call(Function::Not, arguments) => decided(arguments.first()?, local).map(|holds| !holds),
        Expression::Call(Function::EndsWith, arguments) => match (bare(arguments.first()?), arguments.get(1)?) {
            (Expression::Call(Function::Name, of), Expression::String(suffix)) => {
                let is_plain = matches!(of.as_slice(), [Expression::Context]) && !suffix.contains(':') && !suffix.is_empty();
                is_plain.then(|| local.ends_with(suffix))
            }
            _ => None,
        },
        _ => None,
    }
}

fn bare(form: &Expression) -> &Expression {
    match form {
        Expression::Noted(_, inner) => bare(inner),
        other => other,
    }
}

/// A note; none around another, nor around what is found as fast as a note.
pub(crate) fn noted(slot: Slot, form: Expression) -> Expression {
    match &form {
        Expression::Noted(..) => form,
        _ if is_quick(&form) => form,
        _ => Expression::Noted(slot, Box::new(form)),
    }
}

fn is_quick(form: &Expression) -> bool {
    match form {
        Expression::Call(Function::Not | Function::Exists | Function::Empty, arguments) => arguments.iter().all(is_quick),
        Expression::Call(Function::Name, arguments) => matches!(arguments.as_slice(), [Expression::Context]),
        Expression::Member(value, _) => is_quick(value),
        Expression::Compare(_, _, sides) => is_quick(&sides[0]) && matches!(sides[1], Expression::String(_)),
        Expression::Path(path) => path.start.is_none() && path.steps.len() <= 2 && path.steps.iter().all(is_plain),
        _ => false,
    }
}

fn is_plain(step: &Step) -> bool {
    step.predicates.is_empty() && matches!((step.axis, &step.test), (Axis::Child | Axis::Attribute, Test::Name(_)))
}

/// Names that must be in the document for a path to be anything, as far as no predicate could raise before.
pub(crate) fn needed_names(steps: &[Step]) -> Vec<usize> {
    let mut needs = Vec::new();
    for step in steps {
        if let (Test::Name(name), Axis::Child | Axis::Descendant | Axis::Attribute | Axis::AttributeBelow) = (&step.test, step.axis) {
            needs.push(*name);
        }
        if !step.predicates.is_empty() {
            break;
        }
    }
    needs.reverse();
    needs.shrink_to_fit();
    needs
}
