import CXDP
import Net

// Neighbours are the kernel's: it sends the ARP requests, keeps the table and ages it. The router only says whom it
// needs. Gateways are *managed* (NTF_EXT_MANAGED): the kernel probes them for ever. Hosts on the link are *used*
// (NTF_USE), which is one nudge; the caller nudges again when the entry is stale and still in use.
//
// Either flag on an entry that an operator made permanent turns it into an ordinary one (`__neigh_update`). So the
// first request always says CREATE | EXCL, which the kernel refuses if there is an entry. Only then is the entry
// looked at, and asked for again without EXCL if it is neither permanent nor without ARP.
//
// Link down takes managed entries away and link up does not bring them back; `observe` does.

/// Asks the kernel to resolve neighbours. No call waits for an answer to ARP: that comes as an event of the mirror.
public struct NeighborRequester: ~Copyable {
    /// What became of a request.
    public enum Outcome: Hashable, Sendable {
        /// The kernel resolves, or goes on doing so.
        case requested
        /// There is an entry that is the operator's own (permanent, without ARP), and it was left as it is.
        case leftAlone
        /// The link is down; `manage` is repeated when it is up.
        case linkDown
        /// The kernel said no.
        case refused(KernelError)
    }

    /// The gateways asked for with `manage`, whether or not there is a link to reach them by.
    public private(set) var managed: Set<NeighborKey> = []
    private var linksDown: Set<LinkIndex> = []
    private var socket: NetlinkSocket

    private enum Wish {
        case managed, used, released
    }

    public init() throws(KernelError) { socket = try NetlinkSocket() }

    /// Has a gateway resolved and kept so, until `release`.
    @discardableResult
    public mutating func manage(_ link: LinkIndex, _ address: IPv4Address) -> Outcome {
        let key = NeighborKey(link: link, address: address)
        managed.insert(key)
        return linksDown.contains(link) ? .linkDown : request(key, .managed)
    }

    /// Has a host on the link resolved once. On a managed address this changes nothing.
    @discardableResult
    public mutating func use(_ link: LinkIndex, _ address: IPv4Address) -> Outcome {
        let key = NeighborKey(link: link, address: address)
        // Without its own flag the request would end the managing.
        if managed.contains(key) { return .requested }
        return linksDown.contains(link) ? .linkDown : request(key, .used)
    }

    /// Ends `manage`: the entry stays and ages like any other.
    public mutating func release(_ link: LinkIndex, _ address: IPv4Address) {
        let key = NeighborKey(link: link, address: address)
        guard managed.remove(key) != nil, let entry = entry(key), entry.isManaged, !entry.isOperators else { return }
        send(key, .released, flags: 0)
    }

    /// Ends all that was begun with `manage`, so that nothing goes on probing when the router is gone.
    public mutating func releaseAll() {
        for key in managed { release(key.link, key.address) }
    }

    /// Asks again for managed gateways that these changes took away or brought back within reach.
    public mutating func observe(_ changes: some Sequence<KernelChange>) {
        for change in changes {
            switch change {
            case .link(let link):
                if !link.isUp {
                    linksDown.insert(link.index)
                } else if linksDown.remove(link.index) != nil {
                    for key in managed where key.link == link.index { _ = request(key, .managed) }
                }
            case .linkRemoved(let index):
                linksDown.remove(index)
                managed = managed.filter { $0.link != index }
            case .neighborRemoved(let link, let address):
                let key = NeighborKey(link: link, address: address)
                if managed.contains(key), !linksDown.contains(link) { _ = request(key, .managed) }
            case .neighbor(let neighbor):
                // A managed entry passes through STALE too, but one that an operator replaced stays there.
                let key = NeighborKey(link: neighbor.link, address: neighbor.address)
                if neighbor.state == .stale, managed.contains(key) { _ = request(key, .managed) }
            default: break
            }
        }
    }

    // MARK: Requests

    private mutating func request(_ key: NeighborKey, _ wish: Wish) -> Outcome {
        if let error = send(key, wish, flags: NLM_F_CREATE | NLM_F_EXCL) {
            guard error.code == EEXIST else { return .refused(error) }
        } else {
            return .requested
        }
        guard let entry = entry(key) else {
            // It went just now; the event of that makes `observe` ask again.
            return .requested
        }
        if entry.isOperators { return .leftAlone }
        if entry.isManaged { return .requested }
        guard let error = send(key, wish, flags: 0), error.code != ENOENT else { return .requested }
        return .refused(error)
    }

    /// struct ndmsg.
    private static func message(
        _ operation: String, kind: Int, flags: Int32, _ key: NeighborKey, entryFlags: UInt8 = 0
    ) -> NetlinkRequest {
        var request = NetlinkRequest(operation, kind: kind, flags: flags | NLM_F_ACK)
        request.append(UInt32(AF_INET))
        request.append(UInt32(bitPattern: key.link.rawValue))
        request.append(UInt16(0))
        request.append(entryFlags)
        request.append(UInt8(0))
        request.attribute(Int(NDA_DST), key.address)
        return request
    }

    @discardableResult
    private mutating func send(_ key: NeighborKey, _ wish: Wish, flags: Int32) -> KernelError? {
        var request = Self.message(
            "ask for the neighbour \(key.address) on link \(key.link.rawValue)", kind: Int(RTM_NEWNEIGH), flags: flags,
            key, entryFlags: wish == .managed ? 0 : UInt8(NTF_USE))
        if wish == .managed { request.attribute(Int(NDA_FLAGS_EXT), UInt32(NTF_EXT_MANAGED)) }
        do throws(KernelError) {
            try socket.request(request)
            return nil
        } catch {
            return error
        }
    }

    private struct Entry {
        var isOperators: Bool
        var isManaged: Bool
    }

    private mutating func entry(_ key: NeighborKey) -> Entry? {
        var entry: Entry?
        let request = Self.message(
            "look up the neighbour \(key.address)", kind: Int(RTM_GETNEIGH), flags: 0, key)
        try? socket.request(request) { message in
            guard let neighbor = Neighbor(message), neighbor.address == key.address else { return }
            var extended: UInt32 = 0
            for attribute in message.payload.attributes(from: Neighbor.headerSize)
            where attribute.kind == Int(NDA_FLAGS_EXT) {
                extended = attribute.value.uint32(at: 0) ?? 0
            }
            entry = Entry(
                isOperators: neighbor.state == .permanent || neighbor.state == .noarp,
                isManaged: extended & UInt32(NTF_EXT_MANAGED) != 0)
        }
        return entry
    }
}
