import Testing

@testable import Router

@Suite("How much memory a process may have")
struct MemoryLimitTests {
    private static let files = [
        "/sys/fs/cgroup/system.slice/memory.max": "2000000\n", "/sys/fs/cgroup/system.slice/martlet.service/memory.max": "max\n",
        "/sys/fs/cgroup/small/memory.max": "1000\n", "/sys/fs/cgroup/odd/memory.max": "\n",
    ]

    @Test("what the machine has, or the least that a control group or one around it allows",
        arguments: [
            ("0::/system.slice/martlet.service\n", 2_000_000), ("0::/small\n", 1000), ("0::/small/inner/more\n", 1000), ("0::/\n", 9_000_000),
            ("", 9_000_000), ("12:memory:/small\n0::/none\n", 9_000_000), ("0::/odd\n", 9_000_000), ("0::small\n", 9_000_000),
        ])
    func least(groups: String, limit: Int) {
        #expect(MemoryLimit.least(machine: 9_000_000, groups: groups) { Self.files[$0] } == limit)
    }

    @Test("this machine has some")
    func here() { #expect(MemoryLimit.bytes() > 1 << 20) }
}
