//! Fixed-point numbers at the precision of an instrument. Conversion is exact or refused: nothing
//! is rounded, and there is no way in for a binary float.

/// Most decimal places a value may have; ten to this power still fits 64 bits.
pub const PRECISION_MAX: u8 = 18;

/// Why a number was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Not a plain decimal number.
    Syntax,
    /// More decimal places than the precision, or not a multiple of the step.
    Precision,
    /// Outside the range of 64 bits.
    Range,
    /// A precision above [`PRECISION_MAX`], or a step that is not above zero.
    Scale,
}

impl NumberError {
    /// The stable code for callers.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Syntax => "NOT_A_DECIMAL",
            Self::Precision => "TOO_PRECISE",
            Self::Range => "OUT_OF_RANGE",
            Self::Scale => "BAD_SCALE",
        }
    }
}

/// How an instrument counts: `step` units of `10^-precision` make one tick or lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    precision: u8,
    step: i64,
}

/// `10^exponent`, for exponents up to [`PRECISION_MAX`].
const fn power_of_ten(exponent: u8) -> i64 {
    10_i64.pow(exponent as u32)
}

impl Scale {
    /// A scale with a tick of `step * 10^-precision`.
    pub const fn new(precision: u8, step: i64) -> Result<Self, NumberError> {
        if precision > PRECISION_MAX || step <= 0 {
            return Err(NumberError::Scale);
        }
        Ok(Self { precision, step })
    }

    /// The scale whose tick is this decimal, such as `0.25` or `0.00001`.
    pub fn of_tick(tick: &str) -> Result<Self, NumberError> {
        let digits = tick.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let precision = u8::try_from(digits).map_err(|_| NumberError::Scale)?;
        Self::new(precision, Self::new(precision, 1)?.parse(tick)?)
    }

    /// Decimal places.
    pub const fn precision(self) -> u8 {
        self.precision
    }

    /// Units of the last place in one tick.
    pub const fn step(self) -> i64 {
        self.step
    }

    /// Ticks of a plain decimal: an optional sign, digits, an optional point with digits.
    /// Trailing zeros do not count as precision.
    pub fn parse(self, text: &str) -> Result<i64, NumberError> {
        let (negative, digits) = match text.as_bytes() {
            [b'-', ..] => (true, &text[1..]),
            [b'+', ..] => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(NumberError::Syntax);
        }
        let fraction = fraction.trim_end_matches('0');
        let missing = usize::from(self.precision).checked_sub(fraction.len());
        let missing = missing.ok_or(NumberError::Precision)?;
        let digits = whole.bytes().chain(fraction.bytes());
        let units = digits
            .map(|digit| i128::from(digit - b'0'))
            .try_fold(0_i128, |units, digit| units.checked_mul(10)?.checked_add(digit))
            .and_then(|units| units.checked_mul(i128::from(power_of_ten(missing as u8))))
            .ok_or(NumberError::Range)?;
        self.ticks(if negative { -units } else { units })
    }

    fn ticks(self, units: i128) -> Result<i64, NumberError> {
        let step = i128::from(self.step);
        if units % step != 0 {
            return Err(NumberError::Precision);
        }
        i64::try_from(units / step).map_err(|_| NumberError::Range)
    }

    /// Plain decimal text of a number of ticks, with all decimal places of the precision.
    pub fn format(self, ticks: i64) -> String {
        let units = i128::from(ticks) * i128::from(self.step);
        let power = i128::from(power_of_ten(self.precision));
        let (whole, fraction) = (units.abs() / power, units.abs() % power);
        let sign = if units < 0 { "-" } else { "" };
        if self.precision == 0 {
            return format!("{sign}{whole}");
        }
        format!("{sign}{whole}.{fraction:0width$}", width = usize::from(self.precision))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn b26_what_is_off_the_tick_or_no_plain_decimal_is_refused() {
        let cents = Scale::of_tick("0.01").unwrap();
        assert_eq!(cents.parse("12.34"), Ok(1234));
        assert_eq!(cents.parse("-0.5000"), Ok(-50));
        assert_eq!(cents.parse("12.345"), Err(NumberError::Precision));
        for text in ["", "-", ".", "1e5", "1_000", "nan", "1.2.3", " 1", "١"] {
            assert_eq!(cents.parse(text), Err(NumberError::Syntax), "{text:?}");
        }
        let quarters = Scale::of_tick("0.25").unwrap();
        assert_eq!(
            (quarters.parse("4500.75"), quarters.format(18_003)),
            (Ok(18_003), "4500.75".into())
        );
        assert_eq!(quarters.parse("4500.80"), Err(NumberError::Precision));
        assert_eq!(Scale::of_tick("0"), Err(NumberError::Scale));
        assert_eq!(Scale::new(19, 1), Err(NumberError::Scale));
    }

    #[test]
    fn the_ends_of_the_range_are_exact_and_beyond_is_refused() {
        let whole = Scale::new(0, 1).unwrap();
        assert_eq!(whole.parse("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(whole.parse("9223372036854775808"), Err(NumberError::Range));
        let long = "9".repeat(400);
        assert_eq!(Scale::new(18, 1).unwrap().parse(&long), Err(NumberError::Range));
    }

    proptest! {
        #[test]
        fn text_and_ticks_are_inverse(ticks: i64, precision in 0..=18_u8, step in 1..1000_i64) {
            let scale = Scale::new(precision, step).unwrap();
            prop_assert_eq!(scale.parse(&scale.format(ticks)), Ok(ticks));
        }
    }
}
