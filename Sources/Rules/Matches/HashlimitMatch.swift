/// `-m hashlimit`: a rate limit for each address, port or combination of them (kernel: xt_hashlimit.c, revision 3).
public struct HashlimitMatch: MatchExtension {
    /// What makes two packets share a limit.
    public struct Mode: OptionSet, Hashable, Sendable {
        public var rawValue: UInt8

        public init(rawValue: UInt8) { self.rawValue = rawValue }

        public static let sourceAddress = Mode(rawValue: 1)
        public static let sourcePort = Mode(rawValue: 2)
        public static let destinationAddress = Mode(rawValue: 4)
        public static let destinationPort = Mode(rawValue: 8)

        static let names: KeyValuePairs<String, Mode> = [
            "srcip": .sourceAddress, "srcport": .sourcePort, "dstip": .destinationAddress,
            "dstport": .destinationPort,
        ]
    }

    public enum Rate: Hashable, Sendable {
        /// Units between two packets, of which a second has a million; and the packets of a burst.
        case packets(interval: UInt64, burst: UInt64)
        /// The kernel's cost of 16 bytes; and the burst in multiples of what a second allows, 0 for none.
        case bytes(cost: UInt64, burst: UInt64)
    }

    /// Units of time in a second (XT_HASHLIMIT_SCALE_v2).
    public static let scale: UInt64 = 1_000_000

    public var rate: Rate
    /// True matches what exceeds the rate.
    public var isAbove: Bool
    public var mode: Mode
    /// At most 254 bytes.
    public var name: String
    public var sourcePrefixLength: UInt8
    public var destinationPrefixLength: UInt8
    /// Buckets and entries of the table; 0 leaves the choice to the kernel.
    public var tableSize: UInt32
    public var tableMax: UInt32
    /// Milliseconds between two collections of old entries.
    public var collectionInterval: UInt32
    /// Milliseconds after which an idle entry goes.
    public var expiry: UInt32
    /// Compare the rate within intervals of so many seconds instead of limiting it; nil for limiting.
    public var rateInterval: UInt32?

    public static let description = ExtensionDescription(
        .match, "hashlimit", summary: "a rate limit for each address or port",
        options: [
            OptionDescription("hashlimit-upto", "hashlimit", canNegate: true),
            OptionDescription("hashlimit-above", canNegate: true), OptionDescription("hashlimit-srcmask"),
            OptionDescription("hashlimit-dstmask"), OptionDescription("hashlimit-burst"),
            OptionDescription("hashlimit-htable-size"), OptionDescription("hashlimit-htable-max"),
            OptionDescription("hashlimit-htable-gcinterval"), OptionDescription("hashlimit-htable-expire"),
            OptionDescription("hashlimit-mode"), OptionDescription("hashlimit-name"),
            OptionDescription("hashlimit-rate-match", arguments: 0), OptionDescription("hashlimit-rate-interval"),
        ], scope: .packet, status: .acts)

    public var match: Match { .hashlimit(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let given = try options.oneOf(["hashlimit-upto", "hashlimit-above"]) else {
            throw RuleError("You have to specify --hashlimit", at: options.word)
        }
        let nameOption = try options.required("hashlimit-name")
        name = try options.truncatedString(nameOption, to: 254)
        if name.contains("/") || name == "." || name == ".." {
            throw options.invalid(nameOption, nil, "it names a file in /proc").byKernel()
        }
        isAbove = (given.name == "hashlimit-above") != given.isNegated

        func number(_ name: String, _ range: ClosedRange<UInt32> = 0...UInt32.max) throws(RuleError) -> UInt32? {
            guard let option = options[name] else { return nil }
            let value: UInt32 = try options.number(option, 0...UInt32.max)
            guard range.contains(value) else { throw Self.outOfRange(option, "\(range.lowerBound)-\(range.upperBound)") }
            return value
        }
        func length(_ name: String) throws(RuleError) -> UInt8 {
            guard let option = options[name] else { return 32 }
            let length: UInt8 = try options.number(option, 0...UInt8.max)
            guard length <= 32 else { throw Self.outOfRange(option, "0-32") }
            return length
        }
        sourcePrefixLength = try length("hashlimit-srcmask")
        destinationPrefixLength = try length("hashlimit-dstmask")
        tableSize = try number("hashlimit-htable-size") ?? 0
        tableMax = try number("hashlimit-htable-max") ?? 0
        collectionInterval = try number("hashlimit-htable-gcinterval", 1...UInt32.max) ?? 1000
        mode = []
        if let option = options["hashlimit-mode"] {
            for part in option.argument.text.split(whereSeparator: { $0 == "," || $0 == "|" }) {
                guard let known = Mode.names.first(where: { $0.key == part }) else {
                    throw options.invalid(
                        option, hint: Suggestion.hint(for: String(part), among: Mode.names.map(\.key)))
                }
                mode.formUnion(known.value)
            }
        }

        let burst = try Self.burst(options)
        let unitSeconds: UInt64
        if let perSecond = try Self.bytesPerSecond(given) {
            let cost = Cost(bytes: perSecond)
            guard cost.value > 0, cost.bytes > 0 else {
                throw RuleError("Rate too high \"\(given.argument.text)\"", at: given.argument)
            }
            var multiples: UInt64 = 0
            if let burst {
                guard burst >= cost.bytes else {
                    throw RuleError(
                        "burst cannot be smaller than \(cost.bytes)b", at: options["hashlimit-burst"]?.argument)
                }
                multiples = burst / cost.bytes + (burst % cost.bytes == 0 ? 0 : 1)
            }
            rate = .bytes(cost: cost.value, burst: multiples)
            unitSeconds = burst == nil ? Cost.expirySeconds : Cost.expirySecondsWithBurst
        } else {
            let (interval, seconds) = try Self.interval(given, options)
            rate = .packets(interval: interval, burst: burst ?? 5)
            unitSeconds = seconds
        }
        expiry = try number("hashlimit-htable-expire", 1...UInt32.max) ?? UInt32(unitSeconds * 1000)

        let intervalOption = options["hashlimit-rate-interval"]
        if options.contains("hashlimit-rate-match") {
            var seconds = try number("hashlimit-rate-interval", 1...0x7FFF_FFFF)
            if case .packets(let interval, let burst) = rate {
                let divided = interval / unitSeconds
                guard divided > 0 else {
                    throw RuleError("Rate too fast \"\(given.argument.text)\"", at: given.argument)
                }
                rate = .packets(interval: divided, burst: burst)
                seconds = seconds ?? UInt32(unitSeconds)
            }
            rateInterval = seconds ?? 1
        } else if let intervalOption {
            throw RuleError(
                "hashlimit: --hashlimit-rate-interval goes with --hashlimit-rate-match", at: intervalOption.word)
        }
    }

    private static func outOfRange(_ option: GivenOption, _ range: String) -> RuleError {
        RuleError("hashlimit: \"--\(option.name)\" out of range (\(range))", at: option.argument).byKernel()
    }

    // MARK: Rates

    /// What 16 bytes cost, out of a second's credit of 2^32 - 1 (XT_HASHLIMIT_BYTE_SHIFT).
    private struct Cost {
        static let expirySeconds: UInt64 = 15
        static let expirySecondsWithBurst: UInt64 = 60

        var value: UInt64

        init(value: UInt64) { self.value = value }

        init(bytes: UInt64) {
            let blocks = UInt64(UInt32(truncatingIfNeeded: bytes >> 4)) + 1
            value = blocks > UInt64(UInt32.max) ? 0 : UInt64(UInt32.max) / blocks
        }

        /// Bytes a second.
        var bytes: UInt64 { ((value == 0 ? UInt64(UInt32.max) : UInt64(UInt32.max) / value) - 1) << 4 }
    }

    /// `NUMBER[k|m]b/s`, nil if it is not a rate of bytes.
    private static func bytesPerSecond(_ given: GivenOption) throws(RuleError) -> UInt64? {
        let text = given.argument.text
        guard let slash = text.firstIndex(of: "/"), text[..<slash].hasSuffix("b"), text[slash...].hasPrefix("/s") else {
            return nil
        }
        let error = RuleError(
            "hashlimit: Bad value for \"--\(given.name)\" option: \"\(text)\"", hint: "write it as 512kb/s",
            at: given.argument)
        let digits = text[..<slash].dropLast()
        guard let (value, rest) = Number.prefix(of: digits), value > 0, let factor = factor(rest) else { throw error }
        let (product, overflow) = value.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw RuleError("Rate value too large \"\(text)\"", at: given.argument) }
        return product
    }

    private static func factor(_ suffix: Substring) -> UInt64? {
        switch suffix {
        case "": 1
        case "k": 1024
        case "m": 1024 * 1024
        default: nil
        }
    }

    /// The seconds of a unit of time, whose name may be cut short; nil if it is none.
    private static func seconds(_ unit: Substring) -> UInt64? {
        let unit = unit.lowercased()
        let units: KeyValuePairs<String, UInt64> = ["second": 1, "minute": 60, "hour": 3600, "day": 86400]
        return unit.isEmpty ? nil : units.first { $0.key.hasPrefix(unit) }?.value
    }

    /// `NUMBER[/UNIT]`: units of time between two packets, and the seconds of the unit.
    private static func interval(
        _ given: GivenOption, _ options: GivenOptions
    ) throws(RuleError) -> (interval: UInt64, seconds: UInt64) {
        let parts = given.argument.text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var seconds: UInt64 = 1
        if parts.count == 2 {
            guard let known = Self.seconds(parts[1]) else { throw options.invalid(given) }
            seconds = known
        }
        guard let rate = Number.parse(parts[0], in: 1...UInt64.max) else { throw options.invalid(given) }
        let interval = scale * seconds / rate
        guard interval > 0 else { throw RuleError("Rate too fast \"\(given.argument.text)\"", at: given.argument) }
        return (interval, seconds)
    }

    private static func burst(_ options: GivenOptions) throws(RuleError) -> UInt64? {
        guard let given = options["hashlimit-burst"] else { return nil }
        var text = Substring(given.argument.text)
        if text.hasSuffix("b"), text.count > 1 { text = text.dropLast() }
        // A unit of time is passed over: the burst is a number of packets.
        if let slash = text.firstIndex(of: "/"), Self.seconds(text[slash...].dropFirst()) != nil { text = text[..<slash] }
        guard let (value, rest) = Number.prefix(of: text), let factor = factor(rest), value > 0,
            factor > 1 || value <= 1_000_000
        else {
            throw RuleError(
                "bad value for option \"--hashlimit-burst\", or out of range (1-1000000)", at: given.argument)
        }
        let (product, overflow) = value.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw options.invalid(given) }
        return product
    }

    /// The kernel refuses what would overflow its credits (xt_hashlimit.c, hashlimit_mt_check_common).
    public func check(at place: RulePlace) throws(RuleError) {
        guard case .packets(let interval, let burst) = rate else { return }
        // HZ times credits a jiffy over the scale, which is the same for HZ of 250 and 1000. Wrapping is meant: it is
        // the overflow that is looked for.
        let credits: UInt64 = 137_438_953
        if interval &* burst &* credits < interval &* credits {
            throw RuleError(
                "hashlimit: rate and burst overflow the kernel's counter", hint: "try a higher rate or a lower burst"
            ).byKernel(.range)
        }
    }

    // MARK: Saving

    public func print(to printer: inout RulePrinter) { print(to: &printer, ofWhole: false) }

    /// - Parameter ofWhole: the rate within the whole interval that it is matched in, which is how listings have it.
    func print(to printer: inout RulePrinter, ofWhole: Bool) {
        let limit = isAbove ? "hashlimit-above" : "hashlimit-upto"
        let quantum: UInt64
        switch rate {
        case .bytes(let cost, let burst):
            let bytes = Cost(value: cost).bytes
            printer.option(limit, Self.text(bytes: bytes, cost: cost) + "/s")
            if burst > 0 { printer.option("hashlimit-burst", Self.text(bytes: bytes &* burst, cost: nil)) }
            quantum = burst == 0 ? Cost.expirySeconds : Cost.expirySecondsWithBurst
        case .packets(let interval, let burst):
            let (text, seconds) = Self.text(interval: ofWhole ? interval &* UInt64(rateInterval ?? 1) : interval)
            printer.option(limit, text)
            printer.option("hashlimit-burst", String(burst))
            quantum = seconds
        }
        if !mode.isEmpty {
            let names = Mode.names.filter { mode.contains($0.value) }.map(\.key)
            printer.option("hashlimit-mode", names.joined(separator: ","))
        }
        printer.option("hashlimit-name", Quoting.quotedIfBroken(name))
        if tableSize != 0 { printer.option("hashlimit-htable-size", String(tableSize)) }
        if tableMax != 0 { printer.option("hashlimit-htable-max", String(tableMax)) }
        if collectionInterval != 1000 { printer.option("hashlimit-htable-gcinterval", String(collectionInterval)) }
        if UInt64(expiry) != quantum * 1000 { printer.option("hashlimit-htable-expire", String(expiry)) }
        if sourcePrefixLength != 32 { printer.option("hashlimit-srcmask", String(sourcePrefixLength)) }
        if destinationPrefixLength != 32 { printer.option("hashlimit-dstmask", String(destinationPrefixLength)) }
        if let rateInterval {
            printer.option("hashlimit-rate-match")
            if rateInterval != 1 { printer.option("hashlimit-rate-interval", String(rateInterval)) }
        }
    }

    /// The largest unit that loses nothing the kernel can tell apart.
    private static func text(bytes: UInt64, cost: UInt64?) -> String {
        for (name, size) in [("m", UInt64(1024 * 1024)), ("k", 1024)] where bytes >= size {
            // The mask has 32 bits in iptables too, so that rates from 4 GB/s on are printed in bytes.
            if let cost, Cost(bytes: bytes & UInt64(~UInt32(size - 1))).value != cost { continue }
            return "\(bytes / size)\(name)b"
        }
        return "\(bytes)b"
    }

    private static func text(interval: UInt64) -> (text: String, seconds: UInt64) {
        let units: [(name: String, seconds: UInt64)] = [("day", 86400), ("hour", 3600), ("min", 60), ("sec", 1)]
        var chosen = units[0]
        for unit in units.dropFirst() {
            let whole = scale * unit.seconds
            if interval > whole || whole / interval < whole % interval { break }
            chosen = unit
        }
        return ("\(scale * chosen.seconds / interval)/\(chosen.name)", chosen.seconds)
    }
}
