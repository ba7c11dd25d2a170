import CXDP
import Net

// The kernel's own netfilter, if it has rules in our namespace, sees the host's traffic a second time. The start warns.

/// What of netfilter is loaded in a network namespace and could touch IPv4.
public struct ForeignNetfilter: Hashable, Sendable, CustomStringConvertible {
    /// A table that holds rules, or a policy that drops.
    public struct Table: Hashable, Sendable {
        /// `iptables-legacy`, `nftables ip`, `nftables inet` …
        public var owner: String
        public var name: String
        /// Rules of a nftables table; for a legacy table its entries besides the chains' policies.
        public var rules: Int
        /// A built-in chain of a legacy table drops what no rule takes.
        public var dropsByPolicy: Bool

        public init(owner: String, name: String, rules: Int, dropsByPolicy: Bool = false) {
            self.owner = owner
            self.name = name
            self.rules = rules
            self.dropsByPolicy = dropsByPolicy
        }
    }

    public var tables: [Table]

    public var isEmpty: Bool { tables.isEmpty }

    public var description: String {
        tables.map { table in
            let policy = table.dropsByPolicy ? ", policy DROP" : ""
            return "\(table.owner) table \(table.name) (\(table.rules) rules\(policy))"
        }.joined(separator: "; ")
    }

    /// Looks into the calling thread's network namespace. A kernel without netfilter has nothing loaded.
    public static func find() -> ForeignNetfilter {
        ForeignNetfilter(tables: legacyTables() + nftables())
    }

    // MARK: nftables

    /// linux/netfilter/nf_tables.h and nfnetlink.h.
    private enum NFTables {
        static let subsystem = 10
        static let getRule = subsystem << 8 | 7
        static let ruleTable = 1
        /// struct nfgenmsg: family, version, resource.
        static let headerSize = 4
        /// NFPROTO_… that IPv4 passes through; those of IPv6 and of nothing else are left out.
        static let families: [(number: UInt8, name: String)] = [
            (1, "inet"), (2, "ip"), (3, "arp"), (5, "netdev"), (7, "bridge"),
        ]
    }

    private static func nftables() -> [Table] {
        guard var socket = try? NetlinkSocket(family: NETLINK_NETFILTER) else { return [] }
        var tables: [Table] = []
        for family in NFTables.families {
            var request = NetlinkRequest("read nftables' rules", kind: NFTables.getRule, flags: NLM_F_DUMP)
            request.append(UInt32(family.number))
            let counts = try? socket.dump(request, into: [String: Int]()) { counts, message in
                for attribute in message.payload.attributes(from: NFTables.headerSize)
                where attribute.kind == NFTables.ruleTable {
                    counts[attribute.value.text(), default: 0] += 1
                }
            }
            for (name, rules) in (counts?.state ?? [:]).sorted(by: { $0.key < $1.key }) {
                tables.append(Table(owner: "nftables \(family.name)", name: name, rules: rules))
            }
        }
        return tables
    }

    // MARK: iptables-legacy

    /// linux/netfilter_ipv4/ip_tables.h, as laid out on 64-bit machines.
    private enum Legacy {
        static let getInfo: Int32 = 64, getEntries: Int32 = 65
        /// struct ipt_getinfo: name[32], valid_hooks, hook_entry[5], underflow[5], num_entries, size.
        static let infoSize = 84, validHooks = 32, underflow = 56, entryCount = 76, size = 80
        /// struct ipt_get_entries: name[32], size, entries from a multiple of eight.
        static let entries = 40
        /// struct ipt_entry: target_offset after struct ipt_ip (84) and nfcache (4).
        static let targetOffset = 88
        /// struct xt_standard_target: verdict after struct xt_entry_target.
        static let verdict = 32
        /// -NF_DROP - 1.
        static let drop = UInt32.max
    }

    private static func legacyTables() -> [Table] {
        guard let names = TextFile.value("/proc/thread-self/net/ip_tables_names"), !names.isEmpty else { return [] }
        let descriptor = socket(AF_INET, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 255)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        return names.split(separator: " ").compactMap { legacyTable(String($0), descriptor) }.sorted {
            $0.name < $1.name
        }
    }

    /// - Returns: nil if the table has neither rules nor a policy that drops.
    private static func legacyTable(_ name: String, _ descriptor: Int32) -> Table? {
        guard name.utf8.count < 32 else { return nil }
        let nameField = Array(name.utf8) + [UInt8](repeating: 0, count: 32 - name.utf8.count)
        let none = [UInt8](repeating: 0, count: Legacy.infoSize - 32)
        guard let info = ask(descriptor, Legacy.getInfo, nameField + none),
            let hooks = info.uint32(at: Legacy.validHooks),
            let count = info.uint32(at: Legacy.entryCount), let size = info.uint32(at: Legacy.size), size < 64 << 20
        else { return nil }
        // Besides the policies there is one last entry that marks the end.
        let rules = Int(count) - hooks.nonzeroBitCount - 1
        var question = NetlinkRequest("", kind: 0, flags: 0)
        question.append(size)
        let body = nameField + question.bytes.suffix(4) + [UInt8](repeating: 0, count: 4 + Int(size))
        var drops = false
        if let entries = ask(descriptor, Legacy.getEntries, body) {
            for hook in 0..<5 where hooks >> UInt32(hook) & 1 == 1 {
                guard let offset = info.uint32(at: Legacy.underflow + 4 * hook) else { continue }
                let entry = Legacy.entries + Int(offset)
                guard let target = entries.uint16(at: entry + Legacy.targetOffset) else { continue }
                if entries.uint32(at: entry + Int(target) + Legacy.verdict) == Legacy.drop { drops = true }
            }
        }
        guard rules > 0 || drops else { return nil }
        return Table(owner: "iptables-legacy", name: name, rules: max(0, rules), dropsByPolicy: drops)
    }

    private static func ask(_ descriptor: Int32, _ option: Int32, _ question: [UInt8]) -> NetlinkView? {
        var answer = question
        var length = socklen_t(question.count)
        // IPPROTO_IP is 0.
        let result = unsafe answer.withUnsafeMutableBytes {
            unsafe getsockopt(descriptor, 0, option, $0.baseAddress, &length)
        }
        return result == 0 ? NetlinkView(answer, count: Int(length)) : nil
    }
}
