import Control
import Dataplane
import Net
import Synchronization

extension RequestHandler {
    /// Every setting that can be changed while running, and the timeouts of the policies.
    func settingRows() -> [SettingRow] {
        let (conntrack, isModified, limit, maximum, expectLimit) = core.lock.withLock { _ in
            (
                core.conntrack, core.settingsAreModified, core.shared.flows.limit, core.shared.flows.maximum,
                core.shared.flows.expectations.limit
            )
        }
        let read = reloader.conntrack
        let usual = ConntrackConfiguration()
        var rows = ConntrackSetting.all.map { setting in
            // A configuration that is read later cannot make room for more than there is memory for.
            let value = setting.kind == .expectMax ? expectLimit : setting.get(conntrack, flowLimit: limit)
            var isTimeout = false
            if case .timeout = setting.kind { isTimeout = true }
            // What the table was made for is what the kernel would have chosen, or what the configuration says.
            return SettingRow(
                name: setting.name, value: value, usual: setting.get(usual, flowLimit: maximum),
                isSet: isModified && value != setting.get(read, flowLimit: maximum), isTimeout: isTimeout)
        }
        for policy in conntrack.policies {
            rows += policy.timeouts(read.timeouts).map {
                SettingRow(
                    name: $0.state, value: Int($0.seconds), isTimeout: true, policy: policy.name,
                    layer4: policy.layer4.rawValue)
            }
        }
        return rows
    }

    /// Changes a setting until the next reload.
    func set(_ change: SettingChange) throws(Failure) -> Done {
        let setting = try ConntrackSetting.named(change.name)
        let value = try setting.value(change.value)
        let maximum = core.shared.flows.maximum
        if setting.kind == .max, value > maximum {
            throw Failure(
                "\(setting.name): the table has room for \(maximum) flows; conntrack.max in the configuration makes it larger at the next start")
        }
        let room = core.shared.flows.expectations.maximum
        if setting.kind == .expectMax, value > room {
            throw Failure(
                "\(setting.name): there is room for \(room) expectations; conntrack.expect-max in the configuration makes it larger at the next start")
        }
        core.lock.withLock { _ in
            var conntrack = core.conntrack
            setting.set(&conntrack, to: value)
            core.change(conntrack)
        }
        return Done(message: "\(setting.name) = \(value)")
    }
}
