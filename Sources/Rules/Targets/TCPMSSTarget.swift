/// `-j TCPMSS`: change the maximum segment size of a SYN (kernel: xt_TCPMSS.c).
public struct TCPMSSTarget: TargetExtension {
    public enum Operation: Hashable, Sendable {
        /// Lower it to this size, 0 to 65515.
        case set(UInt16)
        /// Lower it to what fits both ways, less 40 bytes of headers.
        case clampToPathMTU
    }

    public var operation: Operation

    public init(_ operation: Operation) { self.operation = operation }

    public static let description = ExtensionDescription(
        .target, "TCPMSS", summary: "change the maximum segment size of a SYN",
        options: [OptionDescription("set-mss"), OptionDescription("clamp-mss-to-pmtu", arguments: 0)], protocols: [6],
        scope: .packet, status: .acts)

    public var target: Target { .tcpmss(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        // Of both, the last one counts.
        let given = [options["set-mss"], options["clamp-mss-to-pmtu"]].compactMap { $0 }.max { $0.word.location < $1.word.location }
        guard let given else {
            throw RuleError("TCPMSS target: At least one parameter is required", at: options.word)
        }
        operation =
            given.name == "set-mss" ? .set(try options.number(given, UInt16(0)...65515)) : .clampToPathMTU
    }

    public func check(at place: RulePlace) throws(RuleError) {
        if operation == .clampToPathMTU, !place.hooks.isSubset(of: [.forward, .output, .postrouting]) {
            throw RuleError(
                "TCPMSS: path-MTU clamping only supported in FORWARD, OUTPUT and POSTROUTING hooks", exitCode: 1)
        }
        let findsSYN = place.rule.matches.contains { match in
            if case .tcp(let tcp) = match, let flags = tcp.flags, !flags.isNegated {
                flags.value.set.contains(.syn)
            } else {
                false
            }
        }
        guard findsSYN else {
            throw RuleError(
                "TCPMSS: Only works on TCP SYN packets", hint: "add --tcp-flags SYN,RST SYN", exitCode: 1)
        }
    }

    public func print(to printer: inout RulePrinter) {
        switch operation {
        case .set(let size): printer.option("set-mss", String(size))
        case .clampToPathMTU: printer.option("clamp-mss-to-pmtu")
        }
    }
}
