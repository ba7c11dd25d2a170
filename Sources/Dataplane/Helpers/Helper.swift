import Net

/// What a flow's helper may announce, for each class of expectations (struct nf_conntrack_expect_policy in
/// include/net/netfilter/nf_conntrack_expect.h).
public struct ExpectationPolicy: Sendable, Equatable {
    /// The most expectations of the class that one flow may have; the oldest makes room for another.
    public var maximum: UInt8
    /// How long an expectation waits for its flow, in seconds.
    public var timeout: UInt32

    public init(maximum: UInt8, timeout: UInt32) {
        self.maximum = maximum
        self.timeout = timeout
    }
}

/// What there is to know of a helper before it has seen a packet (struct nf_conntrack_helper).
public struct HelperDescription: Sendable, Equatable {
    /// As `-j CT --helper` and the configuration name it.
    public var name: String
    public var ipProtocol: IPProtocol
    /// The server's usual port. On another one the helper's name is `name-port`, as the kernel's modules have it.
    public var port: UInt16
    /// One for each class of expectations, the default class first; at most four (NF_CT_MAX_EXPECT_CLASSES).
    public var policies: [ExpectationPolicy]
}

/// A helper reads along with the flows of one protocol and announces those that will follow from what they say.
///
/// To add one: a file with a type that conforms to this, and its line in `HelperKind`.
protocol Helper {
    static var description: HelperDescription { get }
    /// What may be expected of one flow, without an array.
    static var policy: ExpectationPolicy { get }

    /// Looks at a packet of a flow, announces what follows from it, and rewrites what NAT makes untrue in it. Called after the
    /// packet is translated, where nf_confirm calls `help`; the packet's headers are whole, its sequence numbers those of its sender.
    ///
    /// - Returns: a reason to drop the packet, or nil.
    static func read(_ packet: inout Packet, _ worker: inout Worker) -> DropReason?
}
