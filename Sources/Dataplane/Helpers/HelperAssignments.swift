import Net

/// Which helper reads along with new flows toward a port, without a rule: the configuration's `conntrack: {helpers: …}`. The kernel
/// did so by itself until it left the choice to `-j CT --helper`; with nothing in here, so do we.
public struct HelperAssignments: Sendable, Equatable {
    /// Ports that one helper may have (MAX_PORTS of the kernel's modules), times the helpers.
    public static let limit = 8 * HelperKind.allCases.count

    /// Port << 16 | protocol << 8 | helper.
    private var entries = InlineArray<32, UInt32>(repeating: 0)
    public private(set) var count = 0

    public init() {}

    /// Assigns a helper, by its number in `HelperNames`.
    ///
    /// - Returns: false if there is no room for one more.
    public mutating func assign(_ helper: UInt8, to port: UInt16, _ ipProtocol: IPProtocol) -> Bool {
        guard count < entries.count else { return false }
        entries[count] = UInt32(port) << 16 | UInt32(ipProtocol.rawValue) << 8 | UInt32(helper)
        count += 1
        return true
    }

    /// 0 for none.
    @inline(__always)
    func helper(_ ipProtocol: IPProtocol, port: UInt16) -> UInt8 {
        guard count > 0 else { return 0 }
        let wanted = UInt32(port) << 8 | UInt32(ipProtocol.rawValue)
        for place in 0..<count where entries[place] >> 8 == wanted { return UInt8(truncatingIfNeeded: entries[place]) }
        return 0
    }

    /// The ports that a helper is assigned to.
    public func ports(of helper: UInt8) -> [UInt16] {
        (0..<count).filter { entries[$0] & 0xFF == UInt32(helper) }.map { UInt16(truncatingIfNeeded: entries[$0] >> 16) }
    }

    public static func == (a: Self, b: Self) -> Bool {
        a.count == b.count && (0..<a.count).allSatisfy { a.entries[$0] == b.entries[$0] }
    }
}
