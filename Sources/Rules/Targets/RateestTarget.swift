import Glibc

/// `-j RATEEST`: a named estimate of the rate of packets that come here (kernel: xt_RATEEST.c).
public struct RateestTarget: TargetExtension {
    /// At most 15 bytes.
    public var name: String
    /// The estimate is made every 250 ms times two to this power: -2 to 3, where 0 is a second.
    public var interval: Int8
    /// The logarithm of the averaging's time constant, in intervals; 1 to 31.
    public var averaging: UInt8

    public init(name: String, interval: Int8, averaging: UInt8) {
        self.name = name
        self.interval = interval
        self.averaging = averaging
    }

    public static let description = ExtensionDescription(
        .target, "RATEEST", summary: "estimate the rate of packets",
        options: [
            OptionDescription("rateest-name"), OptionDescription("rateest-interval"),
            OptionDescription("rateest-ewmalog"),
        ], scope: .packet, status: .acts)

    public var target: Target { .rateest(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        // The values and what they make together come before the question whether one is missing.
        let interval = try options["rateest-interval"].map { option throws(RuleError) in try Self.microseconds(option, "interval") } ?? 0
        let constant = try options["rateest-ewmalog"].map { option throws(RuleError) in try Self.microseconds(option, "ewmalog") } ?? 0
        guard let step = (0...5).first(where: { interval <= Double(250_000 << $0) }) else {
            throw RuleError("RATEEST: interval value is too large", hint: "8 seconds at most", at: options.word)
        }
        self.interval = Int8(step - 2)
        var power = 1
        while power < 32, interval / -log(1 - 1 / Double(UInt64(1) << UInt64(power))) <= constant { power += 1 }
        power -= 1
        guard (1...30).contains(power), interval > 0 else {
            throw RuleError("RATEEST: ewmalog value is out of range", at: options.word)
        }
        averaging = UInt8(power)
        name = try options.truncatedString(try options.required("rateest-name"), to: 15)
    }

    /// A number with the unit `s`, `ms` or `us`; microseconds without.
    private static func microseconds(_ given: GivenOption, _ what: String) throws(RuleError) -> Double {
        let text = given.argument.text
        // As strtod(3) reads it: the longest beginning that is a number.
        let length = (1...max(text.count, 1)).last { Double(text.prefix($0)) != nil } ?? 0
        let digits = text.prefix(length)
        let units: KeyValuePairs<String, Double> = [
            "": 1, "s": 1e6, "sec": 1e6, "secs": 1e6, "ms": 1e3, "msec": 1e3, "msecs": 1e3, "us": 1, "usec": 1,
            "usecs": 1,
        ]
        guard let value = Double(digits), value >= 0, value < 1e18,
            let factor = units.first(where: { $0.key == text.dropFirst(digits.count) })?.value
        else { throw RuleError("RATEEST: bad \(what) value \"\(text)\"", at: given.argument) }
        return value * factor
    }

    public func print(to printer: inout RulePrinter) {
        let milliseconds = UInt64(250) << UInt64(interval + 2)
        printer.option("rateest-name", Quoting.quotedIfBroken(name))
        printer.option("rateest-interval", Self.text(milliseconds: milliseconds))
        printer.option("rateest-ewmalog", Self.text(milliseconds: milliseconds << UInt64(averaging)))
    }

    private static func text(milliseconds: UInt64) -> String {
        if milliseconds >= 1000 {
            let tenths = (milliseconds + 50) / 100
            return "\(tenths / 10).\(tenths % 10)s"
        }
        return "\(milliseconds).0ms"
    }
}
