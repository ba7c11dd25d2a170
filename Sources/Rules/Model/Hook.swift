/// Where the kernel calls a built-in chain, numbered as NF_INET_… (linux/netfilter.h).
public enum Hook: UInt8, Sendable, CaseIterable, Codable {
    case prerouting, input, forward, output, postrouting

    /// The name of the built-in chains of this hook.
    public var chainName: String {
        switch self {
        case .prerouting: "PREROUTING"
        case .input: "INPUT"
        case .forward: "FORWARD"
        case .output: "OUTPUT"
        case .postrouting: "POSTROUTING"
        }
    }

    public init?(chainName: some StringProtocol) {
        guard let hook = Hook.allCases.first(where: { $0.chainName == chainName }) else { return nil }
        self = hook
    }
}

/// A set of hooks.
public struct HookSet: OptionSet, Hashable, Sendable {
    public var rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public init(_ hook: Hook) { rawValue = 1 << hook.rawValue }

    public static let prerouting = HookSet(.prerouting)
    public static let input = HookSet(.input)
    public static let forward = HookSet(.forward)
    public static let output = HookSet(.output)
    public static let postrouting = HookSet(.postrouting)
    public static let all: HookSet = [.prerouting, .input, .forward, .output, .postrouting]

    public var hooks: [Hook] { Hook.allCases.filter { contains(HookSet($0)) } }
}

extension HookSet: CustomStringConvertible {
    public var description: String { hooks.map(\.chainName).joined(separator: ", ") }
}

/// The tables of the IPv4 packet filter, in the order packets meet them.
public enum TableName: String, Sendable, CaseIterable, Codable {
    case raw, mangle, nat, filter

    /// The hooks the table has built-in chains for, in the order their chains are saved.
    public var hooks: [Hook] {
        switch self {
        case .raw: [.prerouting, .output]
        case .mangle: [.prerouting, .input, .forward, .output, .postrouting]
        case .nat: [.prerouting, .input, .output, .postrouting]
        case .filter: [.input, .forward, .output]
        }
    }
}
