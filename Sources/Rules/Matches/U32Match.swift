/// `-m u32`: comparisons of 32-bit words of the packet, found by small computations (kernel: xt_u32.c).
public struct U32Match: MatchExtension {
    /// What is done with the value at hand.
    public enum Operator: String, Hashable, Sendable {
        case and = "&"
        case leftShift = "<<"
        case rightShift = ">>"
        /// The value so far moves the place that is read from.
        case at = "@"
    }

    public struct Operation: Hashable, Sendable {
        public var operation: Operator
        public var operand: UInt32
    }

    /// One comparison: where the value comes from, and the ranges one of which it must lie in.
    public struct Test: Hashable, Sendable {
        /// Offset into the IP packet, in bytes.
        public var offset: UInt32
        /// At most nine.
        public var operations: [Operation]
        /// One to ten.
        public var ranges: [Bounds<UInt32>]
    }

    /// One to ten, all of which must hold.
    public var tests: Negatable<[Test]>

    public init(tests: Negatable<[Test]>) { self.tests = tests }

    public static let description = ExtensionDescription(
        .match, "u32", summary: "computed comparisons of the packet's words",
        options: [OptionDescription("u32", canNegate: true)], scope: .packet, status: .acts)

    public var match: Match { .u32(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("u32")
        var reader = U32Reader(word: given.argument)
        tests = Negatable(try reader.tests(), isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        let text = tests.value.map { test in
            let location = test.operations.reduce(Number.hexadecimal(test.offset)) {
                $0 + $1.operation.rawValue + Number.hexadecimal($1.operand)
            }
            let ranges = test.ranges.map { range in
                range.first == range.last
                    ? Number.hexadecimal(range.first)
                    : "\(Number.hexadecimal(range.first)):\(Number.hexadecimal(range.last))"
            }
            return "\(location)=\(ranges.joined(separator: ","))"
        }
        printer.option("u32", isNegated: tests.isNegated, "\"\(text.joined(separator: "&&"))\"")
    }
}

/// Reads the language of `--u32`, left to right.
private struct U32Reader {
    let word: Word
    private var rest: Substring

    init(word: Word) {
        self.word = word
        rest = word.text[...]
    }

    mutating func tests() throws(RuleError) -> [U32Match.Test] {
        var tests: [U32Match.Test] = []
        repeat {
            tests.append(try test())
            if tests.count > 10 { throw error("too many \"&&\"s") }
        } while skip("&&")
        if !rest.isEmpty { throw error("expected \",\" or \"&&\"") }
        return tests
    }

    private mutating func test() throws(RuleError) -> U32Match.Test {
        var test = U32Match.Test(offset: try number(), operations: [], ranges: [])
        while !skip("=") {
            if rest.isEmpty { throw RuleError("u32: abrupt end of input after location specifier", at: word) }
            guard let operation = takeOperator() else { throw error("operator expected") }
            let operand = try number()
            if test.operations.count == 9 { throw error("too many operators") }
            if operand > 31, operation == .leftShift || operation == .rightShift {
                throw RuleError("u32: a word cannot be shifted by \(operand) bits", at: word, exitCode: 1)
            }
            test.operations.append(U32Match.Operation(operation: operation, operand: operand))
        }
        repeat {
            let first = try number()
            test.ranges.append(Bounds(first, skip(":") ? try number() : first))
            if test.ranges.count > 10 { throw error("too many \",\"s") }
        } while skip(",")
        return test
    }

    private mutating func takeOperator() -> U32Match.Operator? {
        for candidate in [U32Match.Operator.leftShift, .rightShift, .at] where skip(candidate.rawValue) {
            return candidate
        }
        return !rest.hasPrefix("&&") && skip("&") ? .and : nil
    }

    private mutating func skipBlanks() { rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "\n" } }

    private mutating func skip(_ token: String) -> Bool {
        skipBlanks()
        guard rest.hasPrefix(token) else { return false }
        rest = rest.dropFirst(token.count)
        skipBlanks()
        return true
    }

    private mutating func number() throws(RuleError) -> UInt32 {
        skipBlanks()
        guard let (value, after) = Number.prefix(of: rest), value <= UInt64(UInt32.max) else {
            throw error("not a number or out of range")
        }
        rest = after
        skipBlanks()
        return UInt32(value)
    }

    private func error(_ what: String) -> RuleError {
        let offset = word.text.distance(from: word.text.startIndex, to: rest.startIndex)
        return RuleError("u32: at char \(offset): \(what)", at: word)
    }
}
