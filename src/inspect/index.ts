// What is in directories of images, without CRIU, the module or a device.
export { compareImages } from './difference.js';
export { inspectImages } from './directory.js';
export { ImageError } from './image-error.js';
export type * from './types.js';
