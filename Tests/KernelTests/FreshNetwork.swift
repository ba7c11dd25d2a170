import CXDP
import Testing

@testable import Kernel

/// Runs `body` in a new network namespace, on the calling thread, which then goes back to where it was. The namespace
/// has a loopback link that is up, and vanishes with its last user. `body` must not suspend.
func inFreshNetwork<Result>(_ body: () throws -> Result) throws -> Result {
    try inNetwork(enter: { martlet_unshare_network() == 0 }) {
        run("ip link set lo up")
        return try body()
    }
}

/// Makes a second namespace with a name of its own while `body` runs; its argument is the name.
func withPeerNetwork(_ body: (String) throws -> Void) throws {
    let name = "mkt\(getpid())n\(UInt32.random(in: 0..<1 << 24))"
    run("ip netns add \(name)")
    defer { run("ip netns del \(name)") }
    try body(name)
}

private func inNetwork<Result>(enter: () -> Bool, _ body: () throws -> Result) throws -> Result {
    guard let own = unsafe fopen("/proc/thread-self/ns/net", "re") else {
        throw KernelError("open the own network namespace", code: lastError)
    }
    defer { _ = unsafe fclose(own) }
    try #require(enter())
    defer {
        let isBack = unsafe martlet_enter_network(fileno(own)) == 0
        #expect(isBack)
    }
    return try body()
}

/// Runs a shell command in the calling thread's network namespace and returns what it printed; a failure of it is a
/// failure of the test.
@discardableResult
func run(_ command: String, failing: Bool = false) -> String {
    guard let pipe = unsafe popen(command + (failing ? " 2>/dev/null" : ""), "re") else {
        Issue.record("cannot start: \(command)")
        return ""
    }
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, pipe) }
        if count == 0 { break }
        output += buffer[..<count]
    }
    let status = unsafe pclose(pipe)
    if status != 0, !failing { Issue.record("failed: \(command)") }
    return String(decoding: output, as: UTF8.self)
}

/// Waits for something the kernel does in its own time, a twentieth of a second at a time.
/// - Returns: whether it came about before `seconds` were over.
func eventually(seconds: Double = 5, _ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<Int(seconds * 20) {
        if try condition() { return true }
        usleep(50_000)
    }
    return try condition()
}
