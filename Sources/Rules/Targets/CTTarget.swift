import Net

/// `-j CT`: how the packet is to be tracked (kernel: xt_CT.c, revision 2).
public struct CTTarget: TargetExtension {
    /// A tracking zone: a number from 1, or the packet's mark.
    public enum Zone: Hashable, Sendable {
        case id(UInt16)
        case mark
    }

    /// Which directions a zone is for.
    public enum ZoneSide: String, Hashable, Sendable {
        case both = "zone"
        case original = "zone-orig"
        case reply = "zone-reply"
    }

    /// Events of a flow that are announced (linux/netfilter/nf_conntrack_common.h, IPCT_…).
    public struct Events: OptionSet, Hashable, Sendable {
        public var rawValue: UInt32

        public init(rawValue: UInt32) { self.rawValue = rawValue }

        static let names: KeyValuePairs<String, Events> = [
            "new": Events(rawValue: 1 << 0), "related": Events(rawValue: 1 << 1), "destroy": Events(rawValue: 1 << 2),
            "reply": Events(rawValue: 1 << 3), "assured": Events(rawValue: 1 << 4),
            "protoinfo": Events(rawValue: 1 << 5), "helper": Events(rawValue: 1 << 6), "mark": Events(rawValue: 1 << 7),
            "natseqinfo": Events(rawValue: 1 << 8), "secmark": Events(rawValue: 1 << 9),
        ]
    }

    public var isUntracked: Bool
    public var helper: String?
    public var timeoutPolicy: String?
    public var events: Events
    /// `new` of an expectation is the only event there is.
    public var announcesExpectations: Bool
    public var zone: Zone?
    public var zoneSide: ZoneSide

    public init(
        isUntracked: Bool = false, helper: String? = nil, timeoutPolicy: String? = nil, events: Events = [],
        announcesExpectations: Bool = false, zone: Zone? = nil, zoneSide: ZoneSide = .both
    ) {
        self.isUntracked = isUntracked
        self.helper = helper
        self.timeoutPolicy = timeoutPolicy
        self.events = events
        self.announcesExpectations = announcesExpectations
        self.zone = zone
        self.zoneSide = zoneSide
    }

    public static let description = ExtensionDescription(
        .target, "CT", summary: "how the packet is tracked",
        options: [
            OptionDescription("notrack", arguments: 0), OptionDescription("helper"), OptionDescription("timeout"),
            OptionDescription("ctevents"), OptionDescription("expevents"), OptionDescription("zone"),
            OptionDescription("zone-orig"), OptionDescription("zone-reply"),
        ], tables: [.raw], hooks: [.prerouting, .output], scope: .flow,
        status: .acts)

    public var target: Target { .ct(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        self.init()
        isUntracked = options.contains("notrack")
        if let given = options["helper"] { helper = try options.string(given, upTo: 15) }
        if let given = options["timeout"] {
            do throws(RuleError) {
                timeoutPolicy = try options.string(given, upTo: 31)
            } catch {
                throw error.byKernel()
            }
        }
        if let given = options["ctevents"] { events = Events(try options.names(given, Events.names) { "Unknown event type \"\($0)\"" }) }
        if let given = options["expevents"] {
            guard given.argument.text == "new" else { 
                throw RuleError("Unknown event type \"\(given.argument.text)\"", hint: "the only event is \"new\"", at: given.argument)
             }
            announcesExpectations = true
        }
        let zones = options.list.filter { ["zone", "zone-orig", "zone-reply"].contains($0.name) }
        if zones.count > 1 { throw RuleError("CT: only one zone can be given", at: zones[1].word) }
        if let given = zones.first {
            // Zone 0 is the one every packet is in.
            if given.argument.text == "mark" {
                zone = .mark
            } else {
                let number = try options.number(given, UInt16(0)...65535)
                zone = number == 0 ? nil : .id(number)
            }
            if zone != nil { zoneSide = ZoneSide(rawValue: given.name) ?? .both }
        }
    }

    /// Helpers of the kernel and the protocols they are for (nf_conntrack_helper_register).
    private static let helpers: KeyValuePairs<String, [UInt8]> = [
        "ftp": [6], "irc": [6], "tftp": [17], "sip": [6, 17], "pptp": [6], "amanda": [17], "netbios-ns": [17],
        "snmp": [17], "sane": [6], "RAS": [17], "Q.931": [6],
    ]

    /// Whether a name is a helper's on another than its usual port, like `ftp-2121`: as if the kernel's module had been loaded with that
    /// port.
    private static func isHelper(_ name: String, of known: String) -> Bool {
        guard let usual = HelperPorts.usual[known], name.hasPrefix(known + "-") else { return false }
        let digits = name.dropFirst(known.utf8.count + 1)
        guard let port = UInt16(digits) else { return false }
        return port != 0 && port != usual && String(port) == digits
    }

    public func check(at place: RulePlace) throws(RuleError) {
        guard let helper, !isUntracked else { return }
        guard let ipProtocol = place.rule.ipProtocol, !ipProtocol.isNegated else {
            throw RuleError("CT: --helper needs -p with a protocol").byKernel(.missing)
        }
        guard let known = Self.helpers.first(where: { $0.key == helper || Self.isHelper(helper, of: $0.key) }) else {
            throw RuleError(
                "CT: no helper is called \"\(helper)\"",
                hint: Suggestion.hint(for: helper, among: Self.helpers.map(\.key))).byKernel(.missing)
        }
        guard known.value.contains(ipProtocol.value.rawValue) else {
            let names = known.value.compactMap { Names.protocolName($0) }.joined(separator: " or ")
            throw RuleError("CT: helper \"\(helper)\" is for \(names)").byKernel(.missing)
        }
    }

    public func print(to printer: inout RulePrinter) {
        if isUntracked { printer.option("notrack") }
        if let helper { printer.option("helper", helper) }
        if let timeoutPolicy { printer.option("timeout", timeoutPolicy) }
        if !events.isEmpty {
            printer.option(
                "ctevents", Events.names.filter { events.contains($0.value) }.map(\.key).joined(separator: ","))
        }
        if announcesExpectations { printer.option("expevents", "new") }
        switch zone {
        case .mark: printer.option(zoneSide.rawValue, "mark")
        case .id(let number): printer.option(zoneSide.rawValue, String(number))
        case nil: break
        }
    }
}
