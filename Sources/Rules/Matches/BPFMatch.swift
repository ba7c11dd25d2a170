/// `-m bpf`: a classic BPF program over the IP packet (kernel: xt_bpf.c).
public struct BPFMatch: MatchExtension {
    public struct Instruction: Hashable, Sendable {
        public var code: UInt16
        public var jumpTrue: UInt8
        public var jumpFalse: UInt8
        public var operand: UInt32

        public init(code: UInt16, jumpTrue: UInt8, jumpFalse: UInt8, operand: UInt32) {
            self.code = code
            self.jumpTrue = jumpTrue
            self.jumpFalse = jumpFalse
            self.operand = operand
        }
    }

    /// 1 to 64 instructions; the program's result other than 0 means a match.
    public var program: [Instruction]

    public init(program: [Instruction]) { self.program = program }

    public static let description = ExtensionDescription(
        .match, "bpf", summary: "a classic BPF program",
        options: [OptionDescription("bytecode"), OptionDescription("object-pinned")], scope: .packet,
        status: .acts)

    public var match: Match { .bpf(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        if let given = options["object-pinned"] {
            throw RuleError(
                "bpf: a pinned program runs in the kernel alone", hint: "give its bytecode with --bytecode",
                at: given.word)
        }
        guard let given = options["bytecode"] else {
            throw RuleError("bpf: one of --bytecode or --pinned is required", at: options.word)
        }
        func fail(_ what: String) -> RuleError { RuleError("bpf: \(what)", at: given.argument) }
        var lines = given.argument.text.split(separator: ",", omittingEmptySubsequences: false)[...]
        guard let first = lines.popFirst(), let count = Number.parse(first, in: 1...UInt64.max) else {
            throw fail("error parsing program length")
        }
        guard count <= 64 else { throw fail("number of instructions exceeds maximum") }
        if lines.last?.isEmpty == true { lines.removeLast() }
        program = []
        for line in lines {
            let fields = line.split(separator: " ")
            guard fields.count == 4, let code = Number.parse(fields[0], in: 0...0xFFFF),
                let jumpTrue = Number.parse(fields[1], in: 0...255),
                let jumpFalse = Number.parse(fields[2], in: 0...255),
                let operand = Number.parse(fields[3], in: 0...0xFFFF_FFFF)
            else { throw fail("error parsing instruction \"\(line)\"") }
            program.append(
                Instruction(
                    code: UInt16(code), jumpTrue: UInt8(jumpTrue), jumpFalse: UInt8(jumpFalse), operand: UInt32(operand)
                ))
        }
        if program.count < Int(count) { throw fail("parsed program length is less than the encoded length parameter") }
        if program.count > Int(count) { throw fail("real program length exceeds the encoded length parameter") }
        try check(given.argument)
    }

    /// Instructions the kernel knows (linux/filter.h), none of which jumps past the end; the last one returns.
    private func check(_ word: Word) throws(RuleError) {
        func fail(_ index: Int, _ what: String) -> RuleError {
            RuleError("bpf: instruction \(index + 1) \(what)", at: word).byKernel()
        }
        for (index, instruction) in program.enumerated() {
            let code = instruction.code
            guard Self.codes.contains(code) else { throw fail(index, "is none that exists") }
            let left = program.count - index - 1
            if code == 0x05, Int(instruction.operand) >= left { throw fail(index, "jumps past the end") }
            if code & 0x07 == 0x05, code != 0x05,
                Int(instruction.jumpTrue) >= left || Int(instruction.jumpFalse) >= left
            {
                throw fail(index, "jumps past the end")
            }
            if [0x60, 0x61, 0x02, 0x03].contains(code), instruction.operand >= 16 {
                throw fail(index, "uses a memory cell there is not")
            }
            if [0x34, 0x94].contains(code), instruction.operand == 0 { throw fail(index, "divides by zero") }
            if [0x64, 0x74].contains(code), instruction.operand >= 32 { throw fail(index, "shifts too far") }
            if [0x20, 0x28, 0x30].contains(code), instruction.operand >= BPFAncillary.base {
                if let what = BPFAncillary.unknown[instruction.operand - BPFAncillary.base] {
                    throw fail(index, "asks for \(what), which packets do not have here")
                }
                guard BPFAncillary.known.contains(instruction.operand - BPFAncillary.base) else {
                    throw fail(index, "loads from no place that exists")
                }
            }
        }
        if let index = firstUnwrittenRead() { throw fail(index, "reads a memory cell that nothing has written") }
        guard let last = program.last, last.code == 0x06 || last.code == 0x16 else {
            throw fail(program.count - 1, "does not return, and it is the last")
        }
    }

    /// The first instruction that reads a memory cell which was not written on every way to it (check_load_and_stores in
    /// net/core/filter.c). Jumps lead forward and within the program.
    private func firstUnwrittenRead() -> Int? {
        var reached = [UInt16](repeating: .max, count: program.count)
        var written: UInt16 = 0
        for (index, instruction) in program.enumerated() {
            written &= reached[index]
            switch instruction.code {
            case 0x02, 0x03: written |= 1 << UInt16(instruction.operand)
            case 0x60, 0x61: if written & 1 << UInt16(instruction.operand) == 0 { return index }
            case 0x05:
                reached[index + 1 + Int(instruction.operand)] &= written
                written = .max
            case let code where code & 0x07 == 0x05:
                reached[index + 1 + Int(instruction.jumpTrue)] &= written
                reached[index + 1 + Int(instruction.jumpFalse)] &= written
                written = .max
            default: break
            }
        }
        return nil
    }

    /// Load, store, arithmetic, jump, return and move, as bpf(4) numbers them.
    private static let codes: Set<UInt16> = [
        0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61, 0x81, 0xB1, 0x02, 0x03,
        0x04, 0x0C, 0x14, 0x1C, 0x24, 0x2C, 0x34, 0x3C, 0x44, 0x4C, 0x54, 0x5C, 0x64, 0x6C, 0x74, 0x7C, 0x84,
        0x94, 0x9C, 0xA4, 0xAC, 0x05, 0x15, 0x1D, 0x25, 0x2D, 0x35, 0x3D, 0x45, 0x4D, 0x06, 0x16, 0x07, 0x87,
    ]

    public func print(to printer: inout RulePrinter) {
        let lines = program.map { "\($0.code) \($0.jumpTrue) \($0.jumpFalse) \($0.operand)" }
        printer.option("bytecode", "\"\(program.count),\(lines.joined(separator: ","))\"")
    }
}

/// Places from which programs load what the packet's bytes do not say (SKF_AD_… in linux/filter.h).
private enum BPFAncillary {
    static let base: UInt32 = 0xFFFF_F000
    /// Protocol, packet type, interface, mark, hardware type, A xor X, VLAN tag and its presence, payload offset, random number, VLAN
    /// protocol.
    static let known: Set<UInt32> = [0, 4, 8, 20, 28, 40, 44, 48, 52, 56, 60]
    /// Known to the kernel alone.
    static let unknown: [UInt32: String] = [
        12: "a netlink attribute", 16: "a nested netlink attribute", 24: "a receive queue", 32: "a receive hash",
        36: "a processor",
    ]
}
