//! Whole numbers without bound, for the decimals that 128 bits cannot hold; slow, rare and exact. It knows no sign and no scale.

use std::cmp::Ordering;

const RADIX: u64 = 1_000_000_000;
const DIGITS: usize = 9;

/// A natural number, nine decimal digits a limb, the least significant first, no leading zero limb.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Natural(Vec<u32>);

impl From<u128> for Natural {
    fn from(mut value: u128) -> Self {
        let mut limbs = Vec::new();
        while value > 0 {
            limbs.push((value % u128::from(RADIX)) as u32);
            value /= u128::from(RADIX);
        }
        Natural(limbs)
    }
}

impl Natural {
    /// Decimal digits, nothing else.
    pub fn from_digits(digits: &str) -> Natural {
        let limbs = digits.as_bytes().rchunks(DIGITS).map(|chunk| chunk.iter().fold(0, |n, d| n * 10 + u32::from(d - b'0')));
        Natural(limbs.collect()).trimmed()
    }

    /// Decimal digits without leading zeros, "0" for zero.
    pub fn digits(&self) -> String {
        let mut limbs = self.0.iter().rev();
        let mut digits = limbs.next().unwrap_or(&0).to_string();
        limbs.for_each(|limb| digits.push_str(&format!("{limb:09}")));
        digits
    }

    /// The value, when 128 bits hold it.
    pub fn small(&self) -> Option<u128> {
        self.0.iter().rev().try_fold(0u128, |n, &limb| n.checked_mul(u128::from(RADIX))?.checked_add(u128::from(limb)))
    }

    /// Is it 0?
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// `10^power`.
    pub fn power_of_ten(power: usize) -> Natural {
        let mut limbs = vec![0; power / DIGITS];
        limbs.push(10u32.pow((power % DIGITS) as u32));
        Natural(limbs)
    }

    /// `base^exponent`, for a base of one digit.
    pub fn power(base: u32, exponent: u32) -> Natural {
        let mut power = Natural(vec![1]);
        let mut left = exponent;
        while left > 0 {
            let step = left.min(DIGITS as u32);
            power = power.times(&Natural::from(u128::from(base.pow(step))));
            left -= step;
        }
        power
    }

    /// The sum.
    pub fn plus(&self, other: &Natural) -> Natural {
        let mut limbs = Vec::with_capacity(self.0.len().max(other.0.len()) + 1);
        let mut carry = 0;
        for at in 0..self.0.len().max(other.0.len()) {
            let sum = self.limb(at) + other.limb(at) + carry;
            limbs.push((sum % RADIX) as u32);
            carry = sum / RADIX;
        }
        limbs.push(carry as u32);
        Natural(limbs).trimmed()
    }

    /// The difference; `other` must not be larger.
    pub fn minus(&self, other: &Natural) -> Natural {
        let mut limbs = Vec::with_capacity(self.0.len());
        let mut borrow = 0;
        for at in 0..self.0.len() {
            let difference = RADIX + self.limb(at) - other.limb(at) - borrow;
            limbs.push((difference % RADIX) as u32);
            borrow = 1 - difference / RADIX;
        }
        Natural(limbs).trimmed()
    }

    /// The product.
    pub fn times(&self, other: &Natural) -> Natural {
        let mut limbs = vec![0u32; self.0.len() + other.0.len() + 1];
        for (at, &left) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (place, limb) in limbs[at..].iter_mut().enumerate() {
                let sum = u64::from(*limb) + u64::from(left) * other.limb(place) + carry;
                *limb = (sum % RADIX) as u32;
                carry = sum / RADIX;
            }
        }
        Natural(limbs).trimmed()
    }

    /// Quotient and remainder; `divisor` must not be 0. Long division, each digit found by halving.
    pub fn divided_by(&self, divisor: &Natural) -> (Natural, Natural) {
        let mut quotient = vec![0u32; self.0.len()];
        let mut rest = Natural::default();
        for at in (0..self.0.len()).rev() {
            rest.0.insert(0, self.0[at]);
            rest = rest.trimmed();
            let (mut low, mut high) = (0u64, RADIX - 1);
            while low < high {
                let middle = (low + high).div_ceil(2);
                if divisor.times(&Natural::from(u128::from(middle))) <= rest {
                    low = middle;
                } else {
                    high = middle - 1;
                }
            }
            quotient[at] = low as u32;
            rest = rest.minus(&divisor.times(&Natural::from(u128::from(low))));
        }
        (Natural(quotient).trimmed(), rest)
    }

    fn limb(&self, at: usize) -> u64 {
        u64::from(self.0.get(at).copied().unwrap_or(0))
    }

    fn trimmed(mut self) -> Natural {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn natural(digits: &str) -> Natural {
        Natural::from_digits(digits)
    }

    #[test]
    fn digits_go_in_and_come_out() {
        for digits in ["0", "7", "1000000000", "340282366920938463463374607431768211456", "100000000000000000001"] {
            assert_eq!(natural(digits).digits(), digits);
        }
        assert_eq!(natural("000012").digits(), "12");
        assert_eq!(natural("340282366920938463463374607431768211456").small(), None);
        assert_eq!(natural("340282366920938463463374607431768211455").small(), Some(u128::MAX));
    }

    #[test]
    fn sums_and_differences_carry() {
        let (nines, one) = (natural("999999999999999999999"), natural("1"));
        assert_eq!(nines.plus(&one).digits(), "1000000000000000000000");
        assert_eq!(nines.plus(&one).minus(&one), nines);
        assert!(nines.minus(&nines).is_zero());
    }

    #[test]
    fn products_and_quotients_agree() {
        let (a, b) = (natural("123456789012345678901234567890123456789"), natural("987654321098765432109876543210"));
        let product = a.times(&b);
        assert_eq!(product.digits(), "121932631137021795226185032733744855963362292333223746380111126352690");
        assert_eq!(product.divided_by(&b), (a.clone(), Natural::default()));
        let (quotient, rest) = product.plus(&natural("17")).divided_by(&a);
        assert_eq!((quotient, rest), (b, natural("17")));
    }

    #[test]
    fn powers_of_ten() {
        assert_eq!(Natural::power_of_ten(0).digits(), "1");
        assert_eq!(Natural::power_of_ten(40).digits(), format!("1{}", "0".repeat(40)));
    }
}
