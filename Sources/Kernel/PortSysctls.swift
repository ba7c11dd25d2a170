import CXDP
import Net

// The kernel's part of a port: it must not forward what it sees of transit, must take in every frame the router hands
// it, and must not change its routes because a stranger says so.
//
//   conf.PORT.forwarding = 0         counts alone (IN_DEV_FORWARD); but writing net.ipv4.ip_forward sets it on all
//   conf.PORT.rp_filter = 2          the larger of conf.all and conf.PORT counts; 2 is the largest
//   conf.PORT.accept_local = 1       conf.all or conf.PORT
//   conf.PORT.accept_redirects = 0   with forwarding off conf.all *or* conf.PORT, so conf.all has to be 0 too
//   conf.all.accept_redirects = 0    which takes nothing from other links: theirs then decides alone
//
// What NAT turns back to the host reaches it by the loopback interface, where no stranger's packet ever comes in:
//
//   conf.lo.rp_filter = 2, conf.lo.accept_local = 1
//   conf.lo.route_localnet = 1       or a packet to 127.0.0.1 that has come in by a link is martian, be the link lo itself
//
// send_redirects is left alone: the kernel sends redirects only about what it forwards.
//
// The former values stand in a file before the first is changed, so that the start after a kill -9 finds the
// operator's values there, and not ours in the kernel. The file is named by the network namespace and carries the boot,
// for sysctls outlive neither.

/// Holds the sysctls of the ports while the router runs. Belongs to the network namespace of the thread that made it,
/// and is called from threads of that namespace only.
public struct PortSysctls {
    /// What the operator had, which other parts of the router go by.
    public struct Former: Hashable, Sendable {
        /// 0 off, 1 strict, 2 loose: the larger of conf.all and the port's own, as the kernel has it.
        public var reversePathFilter: Int
        /// Whether the kernel forwarded what came in on the port.
        public var forwarded: Bool
        /// The port's own accept_local.
        public var acceptedLocal: Bool

        public init(reversePathFilter: Int, forwarded: Bool, acceptedLocal: Bool) {
            self.reversePathFilter = reversePathFilter
            self.forwarded = forwarded
            self.acceptedLocal = acceptedLocal
        }
    }

    private struct Key: Hashable, Comparable {
        var owner: String
        var name: String

        var path: String { "/proc/sys/net/ipv4/conf/\(owner)/\(name)" }

        static func < (a: Self, b: Self) -> Bool { (a.owner, a.name) < (b.owner, b.name) }
    }

    private static let held = [
        ("forwarding", "0"), ("rp_filter", "2"), ("accept_local", "1"), ("accept_redirects", "0"),
    ]
    private static let heldOnLoopback = [("rp_filter", "2"), ("accept_local", "1"), ("route_localnet", "1")]

    private let file: String
    private let boot: String
    private let write: @Sendable (_ path: String, _ value: String) throws(KernelError) -> Void
    private var ports: [String] = []
    private var originals: [Key: String] = [:]

    /// Takes hold of the ports' sysctls. Ports that do not exist are taken when they appear, by `enforce`. What an
    /// earlier run held and this one does not is put back.
    /// - Parameter directory: where the file with the former values is kept; made if missing.
    /// - Throws: `KernelError` if a name cannot be an interface's, or a file or sysctl cannot be read or written. What was set by then is put
    ///   back, as far as that can be written.
    public init(ports: [String], directory: String = "/run/martlet") throws(KernelError) {
        try self.init(ports: ports, directory: directory, write: TextFile.set(_:to:))
    }

    /// - Parameter write: sets one sysctl, which exists.
    init(
        ports: [String], directory: String,
        write: @escaping @Sendable (_ path: String, _ value: String) throws(KernelError) -> Void
    ) throws(KernelError) {
        guard let namespace = Self.networkNamespace else {
            throw KernelError("find the network namespace", code: lastError)
        }
        try TextFile.makeDirectory(directory)
        self.write = write
        file = directory + "/sysctls-\(namespace)"
        boot = TextFile.value("/proc/sys/kernel/random/boot_id") ?? "unknown"
        originals = Self.parse(try TextFile.read(file) ?? "", boot: boot)
        do throws(KernelError) {
            try hold(ports)
        } catch {
            // The first failure is the one to tell; what cannot be put back stays in the file, for the next start.
            try? restore()
            throw error
        }
    }

    /// Changes which ports are held: new ones are taken, those no longer named get their values back.
    public mutating func hold(_ ports: [String]) throws(KernelError) {
        for port in ports where !Self.isInterfaceName(port) {
            throw KernelError("hold the sysctls of \"\(port)\"", detail: "no interface can have that name")
        }
        self.ports = ports
        let owners = Set(ports + ["all", "lo"])
        for key in originals.keys.sorted() where !owners.contains(key.owner) {
            try putBack(key)
            originals[key] = nil
        }
        try enforce()
    }

    /// What the operator had on a port; nil if the port was never there.
    public func former(of port: String) -> Former? {
        func own(_ name: String) -> Int? { originals[Key(owner: port, name: name)].flatMap { Int($0) } }
        guard let filter = own("rp_filter"), let forwarding = own("forwarding"), let local = own("accept_local") else {
            return nil
        }
        let all = TextFile.value("/proc/sys/net/ipv4/conf/all/rp_filter").flatMap { Int($0) } ?? 0
        return Former(reversePathFilter: max(all, filter), forwarded: forwarding != 0, acceptedLocal: local != 0)
    }

    /// Sets again what something else has changed meanwhile (`sysctl net.ipv4.ip_forward=1` does), and takes ports
    /// that have appeared. To be called about once a second.
    /// - Returns: the sysctls that did not have their value, as `sysctl` names them; for a warning.
    @discardableResult
    public mutating func enforce() throws(KernelError) -> [String] {
        var wanted = ports.flatMap { port in Self.held.map { (Key(owner: port, name: $0.0), $0.1) } }
        wanted += Self.heldOnLoopback.map { (Key(owner: "lo", name: $0.0), $0.1) }
        wanted.append((Key(owner: "all", name: "accept_redirects"), "0"))
        var wrong: [(key: Key, value: String)] = []
        var hasNew = false
        for (key, value) in wanted {
            guard let present = TextFile.value(key.path) else { continue }
            if originals[key] == nil {
                originals[key] = present
                hasNew = true
            }
            if present != value { wrong.append((key, value)) }
        }
        if hasNew { try save() }
        for (key, value) in wrong { try set(key, value) }
        return wrong.map { "net.ipv4.conf.\($0.key.owner).\($0.key.name)" }
    }

    /// Gives all ports their former values and removes the file. Ports that are gone are passed over. Every sysctl is
    /// tried before the first failure is thrown; then the file stays, for a second attempt.
    public mutating func restore() throws(KernelError) {
        var failure: KernelError?
        // Forwarding first: then the box is a router again soonest, and later writes have the last word on the rest.
        let keys = originals.keys.sorted()
        for key in keys.filter({ $0.name == "forwarding" }) + keys.filter({ $0.name != "forwarding" }) {
            do throws(KernelError) { try putBack(key) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
        try TextFile.remove(file)
        originals = [:]
        ports = []
    }

    private func putBack(_ key: Key) throws(KernelError) {
        guard let value = originals[key], let present = TextFile.value(key.path), present != value else { return }
        try set(key, value)
    }

    private func set(_ key: Key, _ value: String) throws(KernelError) {
        do throws(KernelError) {
            try write(key.path, value)
        } catch  where error.code == ENOENT || error.code == ENODEV {
            // The NIC went between look and write.
        }
    }

    // MARK: The file

    private func save() throws(KernelError) {
        var text = "martlet sysctls 1\nboot \(boot)\n"
        for (key, value) in originals.sorted(by: { $0.key < $1.key }) { text += "\(key.owner) \(key.name) \(value)\n" }
        try TextFile.replace(file, with: text)
    }

    /// - Returns: the values of a file that was written since the machine started; none of any other.
    private static func parse(_ text: String, boot: String) -> [Key: String] {
        var lines = text.split(separator: "\n")[...]
        guard lines.popFirst() == "martlet sysctls 1", lines.popFirst() == "boot \(boot)" else { return [:] }
        var originals: [Key: String] = [:]
        for line in lines {
            let words = line.split(separator: " ")
            guard words.count == 3, Int(words[2]) != nil, words[0] == "all" || isInterfaceName(String(words[0])),
                (held + heldOnLoopback).contains(where: { $0.0 == words[1] })
            else { continue }
            originals[Key(owner: String(words[0]), name: String(words[1]))] = String(words[2])
        }
        return originals
    }

    /// What `dev_valid_name` allows, without the two names that mean something else under /proc/sys.
    static func isInterfaceName(_ name: String) -> Bool {
        !["", ".", "..", "all", "default"].contains(name) && name.utf8.count < Int(IFNAMSIZ)
            && !name.contains { $0 == "/" || $0 == ":" || $0.isWhitespace }
    }

    /// The inode number of the calling thread's network namespace.
    private static var networkNamespace: String? {
        var target = [CChar](repeating: 0, count: 64)
        let count = unsafe readlink("/proc/thread-self/ns/net", &target, target.count)
        guard count > 0 else { return nil }
        let digits = String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self).filter(\.isNumber)
        return digits.isEmpty ? nil : digits
    }
}
