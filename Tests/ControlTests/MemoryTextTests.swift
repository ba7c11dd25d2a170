import Control
import Net
import Testing

@Suite("What rules remember, as the kernel's files in /proc print it")
struct MemoryTextTests {
    /// Lines of Linux 6.18's /proc/net/xt_recent.
    @Test("entries of recent", arguments: [
        (RecentEntryRow(address: "192.0.2.1", ttl: 0, lastSeen: 4_298_483_500, oldestPacket: 1, stamps: [4_298_483_500]),
         "src=192.0.2.1 ttl: 0 last_seen: 4298483500 oldest_pkt: 1 4298483500"),
        (RecentEntryRow(address: "127.0.0.1", ttl: 64, lastSeen: 4_298_483_500, oldestPacket: 3, stamps: [4_298_483_465, 4_298_483_479, 4_298_483_500]),
         "src=127.0.0.1 ttl: 64 last_seen: 4298483500 oldest_pkt: 3 4298483465, 4298483479, 4298483500"),
    ])
    func recent(_ row: RecentEntryRow, _ text: String) { #expect(row.procText == text) }

    /// Lines of Linux 6.18's /proc/net/ipt_hashlimit.
    @Test("entries of hashlimit", arguments: [
        (HashlimitEntryRow(
            expires: 0, source: "127.0.0.1", sourcePort: 0, destination: "127.0.0.1", destinationPort: 0,
            credit: 21_440_476_741_632, creditCap: 137_438_953_000_000, cost: 27_487_790_600_000),
         "0 127.0.0.1:0->127.0.0.1:0 21440476741632 137438953000000 27487790600000"),
        (HashlimitEntryRow(
            expires: 59, source: "127.0.0.1", sourcePort: 34787, destination: "127.0.0.1", destinationPort: 9,
            credit: 4_084_606_824, creditCap: 2, cost: 64_527_752),
         "59 127.0.0.1:34787->127.0.0.1:9 4084606824 2 64527752"),
    ])
    func hashlimit(_ row: HashlimitEntryRow, _ text: String) { #expect(row.procText == text) }
}
