import Dataplane
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func contentMatch(_ match: Match) -> ContentMatch? {
        switch match {
        case .string(let string): return .text(textSearch(string), isNegated: string.pattern.isNegated)
        case .u32(let u32):
            let first = UInt32(source.words.count)
            for test in u32.tests.value { add(test) }
            return .words(first: first, count: UInt32(u32.tests.value.count), isNegated: u32.tests.isNegated)
        case .bpf(let bpf):
            let first = UInt32(source.words.count)
            for instruction in bpf.program {
                source.words.append(
                    UInt32(instruction.code) | UInt32(instruction.jumpTrue) << 16 | UInt32(instruction.jumpFalse) << 24)
                source.words.append(instruction.operand)
            }
            return .program(first: first, count: UInt32(bpf.program.count))
        case .unclean: return .unclean
        default: return nil
        }
    }

    private mutating func textSearch(_ string: StringMatch) -> TextSearch {
        let place = UInt32(source.bytes.count)
        source.bytes += TextSearch.operands(string.pattern.value, ignoresCase: string.ignoresCase)
        return TextSearch(
            place: place, length: UInt8(string.pattern.value.count), from: string.from, to: string.to,
            staysInPiece: string.algorithm == .bm, ignoresCase: string.ignoresCase)
    }

    private mutating func add(_ test: U32Match.Test) {
        source.words += [test.offset, UInt32(test.operations.count) << 8 | UInt32(test.ranges.count)]
        for operation in test.operations {
            let compiled: CompiledWordTests.Operator =
                switch operation.operation {
                case .and: .and
                case .leftShift: .leftShift
                case .rightShift: .rightShift
                case .at: .at
                }
            source.words += [compiled.rawValue, operation.operand]
        }
        for range in test.ranges { source.words += [range.first, range.last] }
    }
}
