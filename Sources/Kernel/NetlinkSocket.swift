import CXDP

/// A netlink socket: one descriptor, one kernel subsystem, in the network namespace of the thread that opened it.
///
/// A socket is used either for requests, each of which is answered before the next is sent, or for events.
struct NetlinkSocket: ~Copyable {
    /// What a read found.
    enum Reading {
        case messages(NetlinkMessages)
        case empty
        /// ENOBUFS, or a datagram longer than our buffer: something is lost, and only a new dump helps.
        case overflow
    }

    /// How a dump ended.
    enum DumpEnd {
        case complete
        /// Every attempt was marked NLM_F_DUMP_INTR: the state kept changing meanwhile.
        case interrupted
    }

    let fileDescriptor: Int32
    private var sequence: UInt32 = 0
    /// A dump's datagrams hold at most 32 KB (`netlink_dump`), a single message hardly ever more.
    private var buffer = [UInt8](repeating: 0, count: 128 << 10)

    /// - Parameter family: NETLINK_ROUTE or NETLINK_NETFILTER.
    /// - Throws: `KernelError` with the errno value of socket(2); EPROTONOSUPPORT if the kernel lacks the family.
    init(family: Int32 = NETLINK_ROUTE) throws(KernelError) {
        let kind = Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        fileDescriptor = socket(AF_NETLINK, kind, family)
        guard fileDescriptor >= 0 else { throw KernelError("open a netlink socket", code: lastError) }
        // Error texts, and answers without a copy of the question. Older kernels refuse, and nothing depends on it.
        _ = try? setOption(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        _ = try? setOption(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        // The first message gives the socket its address (`netlink_autobind`); without one it gets no events.
        _ = try send(NetlinkRequest("bind a netlink socket", kind: Int(NLMSG_NOOP), flags: 0))
    }

    deinit { close(fileDescriptor) }

    /// Joins a multicast group (RTNLGRP_…).
    func join(group: UInt32) throws(KernelError) {
        try setOption(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, Int32(bitPattern: group))
    }

    /// Bytes of events the kernel keeps for us, also above net.core.rmem_max if we may.
    func setReceiveBuffer(_ size: Int32) throws(KernelError) {
        do throws(KernelError) {
            try setOption(SOL_SOCKET, SO_RCVBUFFORCE, size)
        } catch {
            try setOption(SOL_SOCKET, SO_RCVBUF, size)
        }
    }

    private func setOption(_ level: Int32, _ name: Int32, _ value: Int32) throws(KernelError) {
        var value = value
        let result = unsafe setsockopt(fileDescriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
        guard result == 0 else { throw KernelError("set netlink socket option \(level)/\(name)", code: lastError) }
    }

    /// One datagram from the kernel. Datagrams of other processes are thrown away unread: anyone may send to us.
    mutating func read(waiting: Bool) throws(KernelError) -> Reading {
        while true {
            var sender = sockaddr_nl()
            let flags = Int32(MSG_TRUNC) | (waiting ? 0 : Int32(MSG_DONTWAIT))
            let (count, code) = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe withUnsafeMutablePointer(to: &sender) { name in
                    var part = unsafe iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                    return unsafe withUnsafeMutablePointer(to: &part) { part in
                        var message = unsafe msghdr()
                        unsafe message.msg_name = UnsafeMutableRawPointer(name)
                        unsafe message.msg_namelen = socklen_t(MemoryLayout<sockaddr_nl>.size)
                        unsafe message.msg_iov = part
                        unsafe message.msg_iovlen = 1
                        let count = unsafe recvmsg(fileDescriptor, &message, flags)
                        return (count, lastError)
                    }
                }
            }
            if count < 0 {
                switch code {
                case EINTR: continue
                case EAGAIN: return .empty
                case ENOBUFS: return .overflow
                default: throw KernelError("read from a netlink socket", code: code)
                }
            }
            guard sender.nl_pid == 0 else { continue }
            guard count <= buffer.count else { return .overflow }
            return .messages(NetlinkMessages(NetlinkView(buffer, count: count)))
        }
    }

    /// Sends a request and waits for its acknowledgement; `reply` gets what the kernel says before that.
    mutating func request(
        _ request: NetlinkRequest, reply: (NetlinkMessage) -> Void = { _ in }
    ) throws(KernelError) {
        let sequence = try send(request)
        while true {
            guard case .messages(let messages) = try read(waiting: true) else {
                throw KernelError(request.operation, code: ENOBUFS)
            }
            for message in messages where message.sequence == sequence {
                guard message.kind == Int(NLMSG_ERROR) else {
                    reply(message)
                    continue
                }
                let answer = Acknowledgement(message)
                guard answer.code == 0 else {
                    throw KernelError(request.operation, code: answer.code, detail: answer.text)
                }
                return
            }
        }
    }

    /// Sends a dump request and folds its messages into a copy of `initial`; begins anew when the kernel says that
    /// the dump is inconsistent, up to `attempts` times. The last attempt's result stands.
    mutating func dump<State>(
        _ request: NetlinkRequest, into initial: State, attempts: Int = 6,
        each: (inout State, NetlinkMessage) -> Void
    ) throws(KernelError) -> (state: State, end: DumpEnd) {
        var state = initial
        for _ in 0..<attempts {
            state = initial
            if try dumpOnce(request, { message in each(&state, message) }) { return (state, .complete) }
        }
        return (state, .interrupted)
    }

    /// - Returns: whether the dump is consistent.
    private mutating func dumpOnce(
        _ request: NetlinkRequest, _ each: (NetlinkMessage) -> Void
    ) throws(KernelError) -> Bool {
        let sequence = try send(request)
        var isConsistent = true
        while true {
            guard case .messages(let messages) = try read(waiting: true) else { return false }
            for message in messages where message.sequence == sequence {
                if message.flags & Int(NLM_F_DUMP_INTR) != 0 { isConsistent = false }
                switch message.kind {
                case Int(NLMSG_DONE), Int(NLMSG_ERROR):
                    let answer = Acknowledgement(message)
                    guard answer.code == 0 else {
                        throw KernelError(request.operation, code: answer.code, detail: answer.text)
                    }
                    return isConsistent
                case Int(NLMSG_NOOP): break
                default: each(message)
                }
            }
        }
    }

    private mutating func send(_ request: NetlinkRequest) throws(KernelError) -> UInt32 {
        // Wrapping is meant: a sequence number only has to differ from the last ones.
        sequence &+= 1
        let bytes = request.finish(sequence: sequence)
        while true {
            let count = unsafe bytes.withUnsafeBytes { bytes in
                unsafe CXDP.send(fileDescriptor, bytes.baseAddress, bytes.count, 0)
            }
            if count == bytes.count { return sequence }
            guard count < 0, lastError == EINTR else { throw KernelError(request.operation, code: lastError) }
        }
    }
}

/// What NLMSG_ERROR and NLMSG_DONE say: an errno value, and the kernel's own words if it has any.
struct Acknowledgement: Hashable {
    /// A positive errno value, or 0.
    var code: Int32
    var text: String

    init(_ message: NetlinkMessage) {
        let status = Int32(bitPattern: message.payload.uint32(at: 0) ?? 0)
        // The smallest number has no positive counterpart, and is no errno value.
        code = status == .min ? EPROTO : abs(status)
        text = ""
        guard message.flags & Int(NLM_F_ACK_TLVS) != 0 else { return }
        // struct nlmsgerr holds the header of the question, and its whole body unless it was capped.
        var offset = 4
        if message.kind == Int(NLMSG_ERROR) {
            offset += Netlink.headerSize
            if message.flags & Int(NLM_F_CAPPED) == 0 {
                let questionLength = Int(message.payload.uint32(at: 4) ?? 0)
                offset += max(0, Netlink.aligned(questionLength) - Netlink.headerSize)
            }
        }
        for attribute in message.payload.attributes(from: offset)
        where attribute.kind == Int(NLMSGERR_ATTR_MSG.rawValue) {
            text = attribute.value.text()
        }
    }
}
