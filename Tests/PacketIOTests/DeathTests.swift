import CXDP
import Foundation
import Glibc
import Kernel
import Net
import PacketIO
import Testing

extension HostPathTests {
    /// The child is this process, forked: it holds everything as a daemon would, and never gets to clean up.
    @Test("after kill -9 nothing is left, and the kernel answers ping")
    func killed() throws {
        let client = try TestNamespace("c")
        let router = try TestNamespace("r")
        try router.ip("link", "add", "lan0", "type", "veth", "peer", "name", "c0", "netns", client.name)
        for (space, link, address) in [(router, "lan0", "10.0.0.1/24"), (client, "c0", "10.0.0.2/24")] {
            try space.run("sysctl", "-qw", "net.ipv6.conf.\(link).disable_ipv6=1")
            try space.ip("addr", "add", address, "dev", link)
            try space.ip("link", "set", link, "up")
        }
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)

        // Swift hides fork; the child does nothing but what is under test.
        typealias Fork = @convention(c) () -> Int32
        let fork = unsafe unsafeBitCast(dlsym(nil, "fork")!, to: Fork.self)
        let child = fork()
        if child == 0 {
            try? router.inside {
                let control = try SteeringControl()
                let umem = try Umem(UmemOptions(frameCount: 256))
                let hostPath = try HostPath(control: control.map)
                let host = try hostPath.inside {
                    try AttachedPort(name: HostPath.innerName, port: .host, role: .host, umem: umem, control: control)
                }
                let lan = try AttachedPort(name: "lan0", port: PortIndex(rawValue: 0), umem: umem, control: control)
                try hostPath.connect(PortIndex(rawValue: 0), to: lan.link, name: "lan0")
                control.extend(to: Instant(nanoseconds: now() + 60_000_000_000))
                _ = unsafe write(ends[1], "y", 1)
                while true { pause() }
                withExtendedLifetime((host, hostPath)) {}
            }
            _exit(1)
        }
        try #require(child > 0)
        close(ends[1])
        defer { close(ends[0]) }
        var ready: UInt8 = 0
        let isReady = unsafe read(ends[0], &ready, 1) == 1
        if isReady {
            #expect(try router.run("ip", "-d", "link", "show", "lan0").contains("xdp"))
            #expect(try router.run("ip", "link").contains("mart0"))
            // Nobody turns the rings: the box is deaf while the deadline lies ahead.
            #expect(throws: (any Error).self) { try client.run("ping", "-c", "1", "-W", "0.3", "10.0.0.1") }
        }
        kill(child, SIGKILL)
        var status: Int32 = 0
        unsafe waitpid(child, &status, 0)
        try #require(isReady)

        usleep(300_000)
        #expect(try !router.run("ip", "link").contains("mart0"))
        #expect(try !router.run("ip", "-d", "link", "show", "lan0").contains("xdp"))
        try client.run("ping", "-c", "1", "-W", "1", "10.0.0.1")
        try router.run("ping", "-c", "1", "-W", "1", "10.0.0.2")
    }
}
