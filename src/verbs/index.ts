export { type DeviceInfo, type GidInfo, listDevices, type PortInfo } from './devices.js';
