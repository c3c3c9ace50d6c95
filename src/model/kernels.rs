//! Which code multiplies matrices and computes SiLU in a page. The command line is not touched: the engine has assembly
//! for it. What was measured stands in `docs/decisions/0005-a-kernel-for-sixteen-registers.md` and
//! `0006-operations-of-our-own-in-a-page.md`.

/// Replaces each value x by x / (1 + exp(-x)), within 2e-7 of it, or of its size where that is over one.
///
/// The exponential is 2 to a whole number, put together bit by bit, times 2 to a rest of at most a half, which is a
/// polynomial. There is nothing in the loop that a compiler cannot do to several values at once.
pub(super) fn silu(values: &mut [f32]) {
    /// Added and taken away again, it rounds to a whole number: floats of this size have no places behind the point.
    const ROUNDER: f32 = 12_582_912.0; // 1.5 · 2²³
    /// Beyond, 2 to the power is no normal number.
    const LIMIT: f32 = 126.0;
    const LOWEST: f32 = -87.0;
    /// Of 2^r for |r| ≤ ½, from the fifth power down: those with the least relative error, 1.1e-7.
    const POWERS: [f32; 6] = [1.330_060_5e-3, 9.669_691e-3, 5.550_558_5e-2, 0.240_222_83, std::f32::consts::LN_2, 1.0];

    for value in values {
        // Below, the result is as good as zero, and the exponential no longer grows with x. A NaN passes.
        let x = if *value < LOWEST { LOWEST } else { *value };
        let power = x * -std::f32::consts::LOG2_E;
        // Comparisons, because `clamp` asks about NaN in a way that is done to one value at a time.
        let power = if power < -LIMIT { -LIMIT } else { power };
        let power = if power > LIMIT { LIMIT } else { power };
        let shifted = power + ROUNDER;
        let rest = power - (shifted - ROUNDER);
        let fraction = POWERS[1..].iter().fold(POWERS[0], |sum, coefficient| sum * rest + coefficient);
        // The whole number stands in the lowest bits of `shifted`; moved up, it adds to the exponent.
        let exponential = f32::from_bits(fraction.to_bits().wrapping_add(shifted.to_bits() << 23));
        *value = x / (1.0 + exponential);
    }
}

#[cfg(target_arch = "wasm32")]
pub(crate) use registered::{matrix_kernel, silu_kernel};

/// What the engine is told of, before it would choose by itself.
#[cfg(target_arch = "wasm32")]
mod registered {
    use std::hint::black_box;

    use tract_onnx::{
        prelude::DatumType,
        tract_core::{
            internal::inventory,
            tract_linalg::{
                MmmDispatch,
                element_wise::ElementWiseKer,
                isa::{Arch, IsaReq, IsaSet},
                mmm::{Query, Suitable},
                mmm_tiers::MmmTier,
                routines::{Func, Routine, RoutineFactory},
            },
        },
    };

    /// Eight accumulators, 32 rows by one column.
    const TALL: &str = "wasm_f32_32x1";

    inventory::submit! {
        MmmTier {
            arch: Some(Arch::Wasm32Simd128),
            precedence: 2, // above the engine's own, which is 1
            name: "medbox-sixteen-registers",
            applies: |_| has_sixteen_registers(),
            preferred,
        }
    }

    /// The engine takes its tile of 8 × 8 for every product. Its sixteen accumulators leave no vector register of an x86
    /// processor for anything else, and a browser's code then moves them to memory and back. Where [`TALL`] wastes
    /// nothing it is faster there; elsewhere the choice stays the engine's.
    fn preferred(_: &IsaSet, accumulator: DatumType, query: &Query, _: &[Suitable]) -> Option<&'static str> {
        let (m, k, n) = (query.m?, query.k?, query.n?);
        (accumulator == DatumType::F32 && m >= 64 && m % 32 == 0 && k >= 64 && n >= 2).then_some(TALL)
    }

    /// Whether the processor below is an x86: it makes of 0 / 0 a NaN whose sign bit is set, an ARM one whose sign bit is
    /// not. WebAssembly leaves that bit to the processor, and has no other way to ask.
    fn has_sixteen_registers() -> bool {
        (black_box(0.0_f32) / black_box(0.0_f32)).is_sign_negative()
    }

    /// The name of the kernel that multiplies a matrix of `m` × `k` by one of `k` × `n`.
    pub(crate) fn matrix_kernel(m: usize, k: usize, n: usize) -> String {
        let kernel = MmmDispatch::native().preferred_kernel(DatumType::F32, Some(m), Some(k), Some(n));
        kernel.map_or_else(String::new, |kernel| kernel.name().to_owned())
    }

    /// The name of the kernel that computes SiLU.
    pub(crate) fn silu_kernel() -> String {
        Func::Silu.ew_f32().map_or_else(|_| String::new(), |kernel| kernel.name().to_owned())
    }

    inventory::submit! {
        Routine {
            func: Func::Silu,
            arch: Some(Arch::Wasm32Simd128),
            isa: IsaReq::ANY,
            boost: 1, // above the engine's own, which is 0
            round_trip: false,
            factory: RoutineFactory::F32(Silu::ew),
        }
    }

    /// [`silu`](super::silu) as the engine asks for it.
    #[derive(Debug, Clone)]
    struct Silu;

    impl ElementWiseKer<f32> for Silu {
        fn name() -> &'static str {
            "medbox_silu"
        }

        fn alignment_items() -> usize {
            1
        }

        fn nr() -> usize {
            1
        }

        fn run(values: &mut [f32], (): ()) {
            super::silu(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silu_is_what_the_definition_says() {
        let inputs: Vec<f32> = (-100_000..=100_000).map(|i| i as f32 / 1000.0).collect();
        let mut outputs = inputs.clone();
        silu(&mut outputs);
        for (x, found) in inputs.into_iter().zip(outputs) {
            let expected = f64::from(x) / (1.0 + (-f64::from(x)).exp());
            let tolerance = 2e-7 * expected.abs().max(1.0);
            assert!((f64::from(found) - expected).abs() <= tolerance, "of {x} it is {found}, not {expected}");
        }
    }

    #[test]
    fn silu_of_the_ends_is_finite_and_of_nan_nan() {
        let mut values = [f32::NEG_INFINITY, f32::MIN, -1e9, 0.0, 1e9, f32::MAX, f32::NAN];
        silu(&mut values);
        assert!(values[..3].iter().all(|value| value.abs() < 1e-30), "{values:?}");
        assert_eq!(values[3..6], [0.0, 1e9, f32::MAX]);
        assert!(values[6].is_nan());
    }
}
