/// `-m set`: whether a packet's addresses and ports are in a set.
public enum SetTest: Sendable {
}

extension Worker {
    mutating func matches(_ test: SetTest, _ packet: Packet, _ hook: Hook) -> Bool {
        switch test {
        }
    }
}
